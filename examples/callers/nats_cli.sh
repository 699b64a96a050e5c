#!/bin/sh
# With the nats command: the answer is the reply as JSON; a stream is many messages, ended by an empty one. The command
# does not know that, and ends by itself some seconds after the last message.
set -eu
export NATS_URL="${STEPWELL_NATS:-nats://127.0.0.1:4222}"
question=${1:-Name one tall mountain.}

nats request --raw --timeout 120s request.ask.default "{\"input\": \"$question\"}"
echo
nats request --raw --timeout 120s --replies 100000 --reply-timeout 5s request.ask.default \
    "{\"input\": \"$question\", \"stream\": true}"
