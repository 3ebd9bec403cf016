#!/bin/sh
# Plain HTTP: everything the SDKs do can be done by hand.
#
#     sh examples/clients/curl.sh [http://127.0.0.1:8123]
set -eu
url=${1:-http://127.0.0.1:8123}

post() { curl -sf "$url$1" -H 'Content-Type: application/json' -d "$2"; }
# The value of a member whose name occurs once; with jq at hand use that.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | grep .; }

# Run and wait: the answer is what the graph returned.
post /runs/wait '{"assistant_id": "echo", "input": {"message": "hello"}}'
echo

# A conversation is a thread; -N shows events as they come.
thread_id=$(post /threads '{}' | member thread_id)
said='{"messages": [{"role": "user", "content": "good morning"}]}'
curl -sfN "$url/threads/$thread_id/runs/stream" -H 'Content-Type: application/json' \
  -d "{\"assistant_id\": \"chat\", \"input\": $said, \"stream_mode\": [\"updates\"]}" | grep '^event'

# A graph that stops for a person, and goes on with the answer.
thread_id=$(post /threads '{}' | member thread_id)
post "/threads/$thread_id/runs/wait" \
  '{"assistant_id": "approval", "input": {"request": "an invoice"}}' | member question
post "/threads/$thread_id/runs/wait" \
  '{"assistant_id": "approval", "command": {"resume": true}}' | member result

# The same key makes one run, however often the request is sent.
key="example-$(date +%s)-$$"
for _ in 1 2; do
  curl -sf "$url/runs" -H 'Content-Type: application/json' -H "Idempotency-Key: $key" \
    -d '{"assistant_id": "echo", "on_completion": "keep"}' | member run_id
done | uniq | wc -l | tr -d ' '
