#!/bin/sh
# With curl, over HTTP. `-N` shows the pieces of a stream as they come.
set -eu
door=${STEPWELL_DOOR:-http://127.0.0.1:8080/v1}
question=${1:-Name one tall mountain.}

ask() {
    curl -sS -N --fail-with-body "$door/chat/completions" \
        -H "Authorization: Bearer ${STEPWELL_KEY:-none}" -H "Content-Type: application/json" \
        -d "{\"model\": \"auto\", \"stream\": $1, \"messages\": [{\"role\": \"user\", \"content\": \"$question\"}]}"
}

ask false
echo
ask true
