"""Just enough of the safetensors format to write float32 tensors."""
import json
import struct


def save(path, tensors, meta):
    """Writes a dict of tensors and a dict of text."""
    header, body = {"__metadata__": meta}, b""
    for name, t in tensors.items():
        raw = t.detach().contiguous().float().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)
