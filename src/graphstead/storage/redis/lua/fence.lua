-- Let one generation alone add to a run's stream from now on; returns the stream's last seq.
-- KEYS: stream. ARGV: gen, seq to begin at where there is no stream ('': do not begin one),
-- milliseconds to live.
-- A server that was started anew may have forgotten events that were read: it says so.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest then
  if ARGV[2] == '' then return 'absent' end
  redis.call('XADD', KEYS[1], ARGV[2] .. '-' .. ARGV[1], 'g', ARGV[1], 's', server)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return ARGV[2]
end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if oldest[2][4] ~= server then return 'restarted' end
local held, gen = tonumber(newest[2][2]), tonumber(ARGV[1])
if held > gen then return 'fenced' end
local last = string.match(newest[1], '^%d+')
if held < gen then
  redis.call('XADD', KEYS[1], last .. '-' .. ARGV[1], 'g', ARGV[1])
end
return last
