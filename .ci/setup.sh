# Sourced by .ci/test and .ci/run: finds or installs what the tests need and says plainly what cannot be had.
#
# Everything that can be made again lies below $ANDON_CACHE, outside the checkout:
#   target/       cargo's output, when CI is set
#   nbdime-4.0.4/ the wheel with the notebooks that nbdime is tested with
#   python-HASH/  a virtual environment with ipykernel, bash_kernel, jupyter-server and uv, one for each version of
#                 tests/python/requirements.txt; its wheels/ is the package index of environments that tests make
#   uv/           what uv has downloaded for the environments that tests make
#   services/     an environment for each server of tests/services

ANDON_CACHE=${ANDON_CACHE:-${HOME:-/root}/.cache/andon-ci}
export ANDON_CACHE
mkdir -p "$ANDON_CACHE"
if [ -n "${CI:-}" ]; then
  export CARGO_TARGET_DIR="$ANDON_CACHE/target"
  # Each checkout is another version: what is kept for the next build of the same one only fills the disk.
  export CARGO_INCREMENTAL=0
fi

step() { printf '\n== %s\n' "$*"; }
lacking() { printf 'CANNOT BE HAD: %s\n' "$*"; }

# package, and the test that shows it is there already
debian_packages() {
  cat <<'LIST'
git                 command -v git
git-lfs             command -v git-lfs
openssl             command -v openssl
openssh-client      command -v ssh-keygen
gcc                 command -v cc
make                command -v make
pkg-config          command -v pkg-config
xvfb                command -v Xvfb
xdotool             command -v xdotool
libgl1              ldconfig -p | grep -q libGL.so.1
libegl1             ldconfig -p | grep -q libEGL.so.1
libgl1-mesa-dri     dpkg -s libgl1-mesa-dri
libxkbcommon-x11-0  ldconfig -p | grep -q libxkbcommon-x11.so.0
python3             command -v python3
python3-venv        python3 -c "import ensurepip, venv"
curl                command -v curl
util-linux          command -v setsid && command -v flock
LIST
}

missing_packages() {
  debian_packages | while read -r package test; do
    sh -c "$test" >/dev/null 2>&1 || printf '%s\n' "$package"
  done
}

install_packages() {
  local missing
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    step "Installing" $missing
    apt-get update -qq </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null
    missing=$(missing_packages)
  fi
  for package in $missing; do
    lacking "$package; install it with: sudo apt-get install $package (tests that need it fail by name)"
  done
}

need_rust() {
  if ! command -v cargo >/dev/null; then
    lacking "cargo; install Rust from rustup.rs, then run this again"
    exit 2
  fi
}

# A folder with Python and ipykernel, or nothing and a clear line.
python_environment() {
  local requirements hash place building
  requirements=tests/python/requirements.txt
  hash=$( (python3 --version; cat "$requirements") 2>/dev/null | sha256sum | cut -c1-12)
  place=$ANDON_CACHE/python-$hash
  if [ ! -e "$place/ready" ]; then
    step "Making the Python environment"
    rm -rf "$place"
    if python3 -m venv "$place" && "$place/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" </dev/null &&
      "$place/bin/python" -m bash_kernel.install --sys-prefix >/dev/null &&
      "$place/bin/python" -m pip download --quiet --disable-pip-version-check --dest "$place/wheels" \
        pip setuptools wheel "$(grep '^ipykernel==' "$requirements")" </dev/null; then
      touch "$place/ready"
    else
      lacking "a Python environment with ipykernel (the lines above say why); tests with a kernel fail by name"
      return 0
    fi
  fi
  export ANDON_TEST_PYTHON="$place/bin/python"
  export ANDON_TEST_WHEELS="$place/wheels"
  export UV_CACHE_DIR="${UV_CACHE_DIR:-$ANDON_CACHE/uv}"
  export JUPYTER_PATH="$place/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}"
  export PATH="$place/bin:$PATH"
}

# The notebooks that nbdime is tested with (BSD-3-Clause), out of its wheel; or nothing and a clear line.
nbdime_notebooks() {
  local place
  place=$ANDON_CACHE/nbdime-4.0.4
  if [ ! -e "$place/ready" ]; then
    step "Fetching nbdime's notebooks"
    rm -rf "$place" && mkdir -p "$place"
    if python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$place" nbdime==4.0.4 </dev/null &&
      python3 -m zipfile -e "$place"/nbdime-4.0.4-*.whl "$place/wheel"; then
      touch "$place/ready"
    else
      lacking "nbdime's notebooks (the lines above say why); the tests with them fail by name, or set ANDON_TESTS_WITHOUT=nbdime"
      return 0
    fi
  fi
  export ANDON_TEST_NBDIME="$place/wheel/nbdime/tests/files"
}

# The servers that tests drive; each is installed once. One that cannot be had fails its tests with its name.
services() {
  local place
  export ANDON_SERVICES_CACHE="${ANDON_SERVICES_CACHE:-$ANDON_CACHE/services}"
  for place in tests/services/*/start.sh; do
    bash "${place%/*}/install.sh" </dev/null ||
      lacking "$(basename "${place%/*}") (the lines above say why); its tests fail by name, or set ANDON_TESTS_WITHOUT=$(basename "${place%/*}")"
  done
}

install_packages
need_rust
# That of the system, before the environment with kernels comes first: the servers' environments are made with it.
export PYTHON="${PYTHON:-$(command -v python3)}"
services
python_environment
nbdime_notebooks
