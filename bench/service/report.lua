-- What wrk prints last: a line for the bench. The latencies are quantiles at equal distances, in microseconds.
local points = 200

function done(summary, latency)
  local latencies = {}
  for point = 1, points do
    latencies[point] = string.format("%d", latency:percentile((point - 0.5) / points * 100))
  end
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"microseconds":%d,"failed":%d,"latencies":[%s]}\n',
    summary.requests, summary.bytes, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    table.concat(latencies, ",")
  ))
end
