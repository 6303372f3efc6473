#!/bin/sh
# Installs vsr from its archive, with its libraries, manual and completion, or takes it away again:
#
#   tar -xf vsr-*.tar.xz && vsr-*/install.sh       into ~/.local
#   sudo ./install.sh --prefix /usr/local          for everybody
#   ./install.sh --uninstall [--prefix FOLDER]     PREFIX/lib/vsr/install.sh knows its own PREFIX
#
# Everything lies under PREFIX/lib/vsr; PREFIX/bin/vsr and the manual and completion are links into it.
set -eu

prefix=""
uninstall=""
while [ $# -gt 0 ]; do
	case "$1" in
	--prefix) prefix=${2:?--prefix needs a folder}; shift ;;
	--prefix=*) prefix=${1#*=} ;;
	--uninstall) uninstall=1 ;;
	-h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
	*) echo "install.sh: $1 is not known; see --help" >&2; exit 2 ;;
	esac
	shift
done
from=$(cd "$(dirname "$0")" && pwd -P)
if [ -z "$prefix" ]; then
	case "$uninstall$from" in 1*/lib/vsr) prefix=${from%/lib/vsr} ;; *) prefix=$HOME/.local ;; esac
fi
# Links need the whole path. A folder that is made here is told in "made", so that uninstalling takes it away again.
case "$prefix" in /*) ;; *) prefix=$PWD/$prefix ;; esac
[ ! -d "$prefix" ] || prefix=$(cd "$prefix" && pwd -P)
home=$prefix/lib/vsr

# links lists the links, relative to the prefix, that belong to an installation.
links() {
	echo bin/vsr
	for f in "$1"/share/man/man1/*.1 "$1"/share/bash-completion/completions/vsr "$1"/share/zsh/site-functions/_vsr "$1"/share/fish/vendor_completions.d/vsr.fish; do
		[ ! -e "$f" ] || echo "${f#"$1"/}"
	done
}

# ours reports whether a path is a link into this installation.
ours() {
	case "$(readlink "$1" 2>/dev/null)" in "$home"/*) return 0 ;; esac
	return 1
}

# make_folder makes a folder and notes what of it was not there, the deepest first.
made=""
make_folder() {
	[ -d "$1" ] && return 0
	make_folder "$(dirname "$1")"
	mkdir "$1"
	made="$1
$made"
}

# take_away removes links that point into the installation, and nothing else.
take_away() {
	[ -d "$home" ] || return 0
	links "$home" | while read -r l; do
		if ours "$prefix/$l"; then rm -f "$prefix/$l"; fi
	done
	made=$(cat "$home/made" 2>/dev/null || true)
	rm -rf "$home"
}

if [ -n "$uninstall" ]; then
	[ -d "$home" ] || { echo "install.sh: vsr is not in $prefix" >&2; exit 1; }
	take_away
	echo "$made" | while IFS= read -r folder; do
		[ -z "$folder" ] || rmdir "$folder" 2>/dev/null || true # something else is in it
	done
	echo "vsr is removed from $prefix"
	exit 0
fi
[ -x "$from/bin/vsr" ] && [ -d "$from/lib" ] || { echo "install.sh: it must stand in the unpacked archive, beside bin and lib" >&2; exit 1; }
[ "$from" != "$home" ] || { echo "install.sh: this is the installation itself" >&2; exit 1; }
for l in $(links "$from"); do
	if { [ -e "$prefix/$l" ] || [ -L "$prefix/$l" ]; } && ! ours "$prefix/$l"; then
		echo "install.sh: $prefix/$l is there and was not made by this script" >&2
		exit 1
	fi
done
take_away
make_folder "$home"
for l in $(links "$from"); do make_folder "$(dirname "$prefix/$l")"; done
echo "$made" >"$home/made"
cp -R "$from/bin" "$from/lib" "$from/share" "$from/licenses" "$from/install.sh" "$home/"
links "$home" | while read -r l; do ln -sf "$home/$l" "$prefix/$l"; done
"$prefix/bin/vsr" version
case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "add $prefix/bin to your PATH to call it as vsr" ;; esac
