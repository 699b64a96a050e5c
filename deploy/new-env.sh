#!/bin/sh
# Prints an environment file with fresh passwords for every user of NATS:  sh deploy/new-env.sh > .env
# Each begins with a letter: nats-server reads digits alone as a number.
set -eu
cd "$(dirname "$0")"
secret() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
grep -oh 'STEPWELL_NATS_PASSWORD_[A-Z]*' nats/users.conf nats/cluster.conf | sort -u | while read -r name; do
  echo "$name=p$(secret)"
done
echo "STEPWELL_SECRET=s$(secret)"
