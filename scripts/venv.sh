# Sourced by scripts/run and scripts/test: makes .venv once, and again when setup.cfg changes.
# Usage: make_venv EXTRA (an extra of setup.cfg, or "" for none)

say() { printf '%s\n' "$*" >&2; }

find_python() {
  local seen="" candidate version
  for candidate in ${TINYLOGBERT_PYTHON:-} python3 python3.13 python3.12 python3.11; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case "$version" in
      3.11 | 3.12 | 3.13) printf '%s\n' "$candidate"; return 0 ;;
    esac
    seen="$seen $version"
  done
  say "tinylogbert: needs Python 3.11 to 3.13 (TorchScript is not supported from 3.14 on); found:${seen:- none}. Install one of them, or name it in TINYLOGBERT_PYTHON."
  return 1
}

make_venv() {
  local extra="$1" python stamp package="."
  [ -n "$extra" ] && package=".[$extra]"
  if [ ! -x .venv/bin/python ]; then
    python=$(find_python) || return 1
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
      rm -rf .venv
      say "tinylogbert: $python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
      return 1
    fi
  fi
  stamp=".venv/installed-${extra:-core}-$(cat setup.cfg pyproject.toml tinylogbert_daemon/__init__.py | sha256sum | cut -c1-16)"
  [ -e "$stamp" ] && return 0
  say "installing into .venv (the first time takes a minute or more: torch is large) ..."
  if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable "$package"; then
    say "tinylogbert: the installation failed; see above, then run this again"
    return 1
  fi
  rm -f .venv/installed-"${extra:-core}"-*
  touch "$stamp"
}
