# Sourced by the scripts whose checks the suite runner counts.

failed=0
# check runs a command: "ok NAME" when it succeeds and prints nothing, else what it said and "not ok
# NAME". Linters that list what is wrong and yet exit 0 are caught by their words; that the go command
# had to fetch a module first is not one of them.
check() {
  local name=$1 said rc=0
  shift
  said=$("$@" 2>&1 </dev/null) || rc=$?
  said=$(sed '/^go: downloading /d' <<<"$said")
  if [ "$rc" -eq 0 ] && [ -z "$said" ]; then
    echo "ok $name"
  else
    printf '%s\n' "${said:-exit status $rc}"
    echo "not ok $name"
    failed=1
  fi
}
