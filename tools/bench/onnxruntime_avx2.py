#!/usr/bin/env python3
"""Writes a copy of the ONNX Runtime library that believes in a CPU without AVX-512.

  tools/bench/onnxruntime_avx2.py LIBRARY COPY

ONNX Runtime has no setting for this. It asks CPUID for AVX-512 and XGETBV whether the system saves its registers; in the copy
every XGETBV instruction (0f 01 d0) is replaced by one that answers "x87, SSE and AVX only" (mov $7,%al; nop). For x86-64, and for
measuring only.
"""

import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as f:
        code = bytearray(f.read())
    count, at = 0, code.find(b"\x0f\x01\xd0")
    while at >= 0:
        # The same three bytes also occur inside other instructions; the real ones follow xor %ecx,%ecx or precede mov %eax,%eax.
        if code[at - 2:at] == b"\x31\xc9" or code[at + 3:at + 5] == b"\x89\xc0":
            code[at:at + 3] = b"\xb0\x07\x90"
            count += 1
        at = code.find(b"\x0f\x01\xd0", at + 1)
    if count == 0:
        sys.exit("no XGETBV found: this is not a library for x86-64, or one built in another way")
    with open(sys.argv[2], "wb") as f:
        f.write(code)
    print(f"{count} places changed")


main()
