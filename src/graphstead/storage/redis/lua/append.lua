-- Add events to a run's stream, for its owner alone.
-- KEYS: stream. ARGV: gen, first seq, milliseconds to live, channel, bells, then (ms, event, data).
-- Events that are there already, of a call whose answer was lost, are left as they are.
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest then return 'absent' end
if newest[2][2] ~= ARGV[1] then return 'fenced' end
local last = tonumber(string.match(newest[1], '^%d+'))
local seq = tonumber(ARGV[2])
if last < seq - 1 then return 'behind' end
for n = 6, #ARGV, 3 do
  if seq > last then
    redis.call('XADD', KEYS[1], string.format('%.0f-0', seq),
      'g', ARGV[1], 't', ARGV[n], 'e', ARGV[n + 1], 'd', ARGV[n + 2])
  end
  seq = seq + 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 'ok'
