#!/bin/sh
# @NAME@: the command line, beside the service.
#
# Without a folder of your own it is about the service's: it runs as the service's user with the settings of
# /etc/default/@NAME@, so that no file of the service ever becomes root's and nothing in its folder is followed by root.
set -eu
user=@NAME@
settings=/etc/default/@NAME@

as_it_is () { exec /usr/lib/@NAME@/node /usr/lib/@NAME@/app/main.mjs "$@"; }

[ $# -gt 0 ] && [ -z "${@DATA@:-}" ] || as_it_is "$@"
for word in "$@"; do
  case $word in
    --data | --data=* | -h | --help) as_it_is "$@" ;;
  esac
done
case $1 in
  # What it changes is the machine's, or yours.
  help | configure) as_it_is "$@" ;;
esac

# As systemd reads the file, for what may stand in it: NAME=value, the value in quotes or not.
if [ -r "$settings" ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line%%=*}
    case $line in *=*) ;; *) continue ;; esac
    case $name in '' | *[!A-Z0-9_]*) continue ;; esac
    value=${line#*=}
    case $value in
      \'*\') value=${value#\'} value=${value%\'} ;;
      \"*\") value=${value#\"} value=${value%\"} ;;
    esac
    export "$name=$value"
  done < "$settings"
fi
export "@DATA@=${@DATA@:-/var/lib/@NAME@}" "HOME=/var/lib/@NAME@"

me=$(id -u)
service=$(id -u "$user" 2>/dev/null) || {
  echo "@NAME@: there is no user $user on this machine: install the package again, or name a folder of your own with --data" >&2
  exit 1
}
if [ "$me" = "$service" ]; then as_it_is "$@"; fi
if [ "$me" != 0 ]; then
  echo "@NAME@: the service's folder is open to its user only: run \"sudo @NAME@ $1 ...\", or name a folder of your own with --data" >&2
  exit 1
fi
exec setpriv --reuid="$user" --regid="$user" --init-groups --no-new-privs --inh-caps=-all \
  /usr/lib/@NAME@/node /usr/lib/@NAME@/app/main.mjs "$@"
