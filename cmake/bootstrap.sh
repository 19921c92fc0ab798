# For the scripts in the root: packages, configuring and building. To be sourced by a POSIX shell, with $root set to the
# absolute path of the checkout. Everything said goes to stderr: stdout may be carrying records.

say() { printf '%s\n' "$*" >&2; }

# packages KIND...: the names listed for these kinds.
packages() {
  for kind in "$@"; do
    while read -r listed name _; do
      if [ "$listed" = "$kind" ]; then printf '%s\n' "$name"; fi
    done < "$root/cmake/packages.txt"
  done
}

# Lists the packages of these kinds that are not installed. Lists none without dpkg: CMake then reports what is missing.
missing_packages() {
  command -v dpkg-query > /dev/null 2>&1 || return 0
  wanted=$(packages "$@")
  # shellcheck disable=SC2086  # names, one word each
  installed=$(dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' $wanted 2> /dev/null | sed -n 's/^installed \([^:]*\).*/\1/p')
  for name in $wanted; do
    case "
$installed
" in
      *"
$name
"*) ;;
      *) printf '%s ' "$name" ;;
    esac
  done
}

# ensure_packages KIND...: installs only the missing packages with apt.
ensure_packages() {
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  say "pipec: installing missing packages: $missing"
  if [ "$(id -u)" = 0 ]; then
    as_root=
  elif command -v sudo > /dev/null 2>&1; then
    as_root="sudo"
  else
    say "pipec: this needs root, and there is no sudo. As root, run:"
    say "    apt-get install --no-install-recommends $missing"
    return 1
  fi
  apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300"
  # Lists may be missing (a fresh container) or stale: they are fetched only when apt cannot do without.
  # shellcheck disable=SC2086
  if ! $apt install -y --no-install-recommends $missing < /dev/null >&2; then
    $apt update < /dev/null >&2 && $apt install -y --no-install-recommends $missing < /dev/null >&2
  fi || {
    say "pipec: apt could not install them. As root, run:"
    say "    apt-get update && apt-get install --no-install-recommends $missing"
    return 1
  }
}

# build_preset PRESET [TARGET]: configures where needed and builds, with ninja's progress.
build_preset() {
  : "${CMAKE_BUILD_PARALLEL_LEVEL:=$(nproc 2> /dev/null || echo 2)}"
  : "${NINJA_STATUS:=[%f/%t %es] }"
  export CMAKE_BUILD_PARALLEL_LEVEL NINJA_STATUS
  if [ ! -f "$root/build/$1/build.ninja" ]; then
    (cd "$root" && cmake --preset "$1" >&2) || return 1
  fi
  (cd "$root" && cmake --build --preset "$1" ${2:+--target "$2"} >&2)
}

# The broker that the Kafka tests start: its jars, in build/kafka/lib.
fetch_kafka() {
  [ -f "$root/build/kafka/complete" ] && return 0
  say "test: fetching Kafka with Maven (46 MB)"
  mvn -B -q -f "$root/tests/kafka/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$root/build/kafka/lib" -DincludeScope=runtime < /dev/null >&2 || {
    say "test: Maven could not fetch Kafka"
    return 1
  }
  : > "$root/build/kafka/complete"
}
