#!/bin/sh
# Plays zfs where there is no such kernel module: volumes are loop devices of image files, their snapshots are clones of
# those (reflink), and a stream is made by comparing two. Words and answers are those of the tool.
#
# $STRATA_DRIVER_ROOT/flaw has it fail in a way of its own; $STRATA_DRIVER_ROOT/calls has what it was asked for.
set -eu
root=$STRATA_DRIVER_ROOT
verb=$1
echo "$*" >> "$root/calls"
flaw=$(cat "$root/flaw" 2> /dev/null || true)
shift

die() {
  echo "cannot $verb '$1': $2" >&2
  exit 1
}

case $flaw in
  "kill $verb") kill -9 $$ ;;
  "deny $verb") die "$1" 'permission denied' ;;
  "unloaded $verb") printf "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to load them.\n" >&2; exit 1 ;;
  "busy $verb") rm "$root/flaw"; die "$1" 'dataset is busy' ;;
esac

# What is known of a dataset or snapshot lies in a folder of its name.
at() { printf '%s/known/%s' "$root" "$(printf %s "$1" | tr / %)"; }
must() { [ -d "$(at "$1")" ] || { echo "cannot open '$1': dataset does not exist" >&2; exit 1; }; }
link() { printf '%s/dev/zvol/%s' "$root" "$(printf %s "$1" | tr ' ' +)"; }
number() { od -An -N7 -tu8 /dev/urandom | tr -d ' '; }
txg() { echo $(($(cat "$root/txg") + 1)) | tee "$root/txg"; }

show() { # name, words for losetup
  device=$(losetup --find --show $2 "$(at "$1")/image")
  echo "$device" > "$(at "$1")/device"
  mkdir -p "$(dirname "$(link "$1")")"
  ln -s "$device" "$(link "$1")"
}

remove() {
  if [ -e "$(at "$1")/device" ]; then
    losetup --detach "$(cat "$(at "$1")/device")"
    rm "$(link "$1")"
  fi
  rm -r "$(at "$1")"
}

options() { # writes properties down at $1; sets $left to how many words are left
  into=$1
  shift
  while [ "$1" = -o ]; do
    case $2 in *:*) echo "${2#*=}" > "$into/${2%%=*}" ;; esac
    shift 2
  done
  left=$#
}

case $verb in
  list)
    if [ "$2" = -d ]; then cat "$root/pools"; exit; fi
    for one in "$root"/known/*; do
      [ ! -e "$one/device" ] || basename "$one" | tr % /
    done ;;
  get)
    must "$6"
    for property in $(echo "$5" | tr , ' '); do
      case $property in
        type) case $6 in *@*) echo snapshot ;; *) echo volume ;; esac ;;
        *) cat "$(at "$6")/$property" 2> /dev/null || echo - ;;
      esac
    done ;;
  snapshot)
    now=$(txg)
    mkdir "$root/new"
    options "$root/new" "$@"
    shift $(($# - left))
    for name; do
      [ ! -d "$(at "$name")" ] || die "$name" 'dataset already exists'
      must "${name%@*}"
    done
    for name; do
      cp -r "$root/new" "$(at "$name")"
      number > "$(at "$name")/guid"
      echo "$now" > "$(at "$name")/createtxg"
      sync "$(cat "$(at "${name%@*}")/device")"
      cp --reflink=always "$(at "${name%@*}")/image" "$(at "$name")/image"
    done
    rm -r "$root/new" ;;
  hold)
    tag=$1
    shift
    for name; do
      must "$name"
      [ ! -e "$(at "$name")/hold.$tag" ] || die "$name" 'tag already exists on this dataset'
      touch "$(at "$name")/hold.$tag"
    done ;;
  holds)
    must "$2"
    for tag in "$(at "$2")"/hold.*; do
      [ ! -e "$tag" ] || printf '%s\t%s\t%s\n' "$2" "${tag##*/hold.}" 'Sun Nov 22 05:00 2026'
    done ;;
  release)
    must "$2"
    rm "$(at "$2")/hold.$1"
    # What was to be destroyed goes with the last hold.
    if [ -e "$(at "$2")/deferred" ] && ! ls "$(at "$2")"/hold.* > /dev/null 2>&1; then remove "$2"; fi ;;
  clone)
    mkdir "$root/new"
    options "$root/new" "$@"
    shift $(($# - left))
    must "$1"
    cp -r "$root/new" "$(at "$2")"
    rm -r "$root/new"
    cp --reflink=always "$(at "$1")/image" "$(at "$2")/image"
    echo "$1" > "$(at "$2")/origin"
    show "$2" --read-only ;;
  destroy)
    [ -d "$(at "$2")" ] || { echo "could not find any snapshots to destroy; check snapshot names." >&2; exit 1; }
    case $2 in *@*) ;; *) remove "$2"; exit ;; esac
    if ls "$(at "$2")"/hold.* > /dev/null 2>&1 || grep -qsxF "$2" "$root"/known/*/origin; then
      [ "$1" = -d ] || die "$2" 'dataset is busy'
      touch "$(at "$2")/deferred"
    else remove "$2"; fi ;;
  send)
    before=$5
    shift 5
    case $1 in
      -n) cmp -l "$(at "$before")/image" "$(at "$3")/image" | wc -l | sed 's/^ */size\t/' ;;
      *)
        must "$before"
        must "$1"
        exec "$STAND_IN_NODE" --no-warnings "$STAND_IN_STREAM" "$(at "$before")" "$(at "$1")" "$flaw" ;;
    esac ;;
  play-volume)
    mkdir "$(at "$1")"
    truncate -s "$2" "$(at "$1")/image"
    show "$1" '' ;;
  play-end)
    for one in "$root"/known/*; do [ ! -d "$one" ] || remove "$(basename "$one" | tr % /)"; done ;;
  *)
    echo "unrecognized command '$verb'" >&2
    exit 2 ;;
esac
