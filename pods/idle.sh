#!/usr/bin/env bash
# Stop a rented pod that nobody uses: started with it, ends with STOP_COMMAND after IDLE_MINUTES
# without a run and without an SSH connection, or as soon as /tmp/stop-pod says that the run is done.
LOCK=/tmp/pod-$(id -u)-$(cksum <<< "${WORKDIR:?}" | cut -d " " -f 1).lock

busy() {
  # Port 22 is 0016, 01 is an established connection.
  grep --quiet --ignore-case ':0016 [0-9A-F]*:[0-9A-F]* 01 ' /proc/net/tcp /proc/net/tcp6 2> /dev/null && return
  [ -e "$LOCK" ] && ! flock --nonblock "$LOCK" true
}

idle_s=0
until [ -e "${STOP_FILE:-/tmp/stop-pod}" ] || [ "$idle_s" -ge "$((IDLE_MINUTES * 60))" ]; do
  sleep "${PAUSE_S:=10}"
  if busy; then idle_s=0; else idle_s=$((idle_s + PAUSE_S)); fi
done
eval "${STOP_COMMAND:?}"
