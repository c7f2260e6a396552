-- Reports a run as one line of JSON. With the argument "acks FIRST" it asks for another medium every time:
-- ids are decimal, 16 digits, made of FIRST (4 digits), the thread (2) and a counter (10), so none comes twice.

local threads = 0

function setup(thread)
  thread:set("thread_index", threads)
  threads = threads + 1
end

function init(args)
  if args[1] ~= "acks" then return end
  local prefix = string.format("/v1/media/%s%02d", args[2], thread_index)
  local count = 0
  request = function()
    count = count + 1
    return wrk.format("GET", string.format("%s%010d/download", prefix, count))
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
