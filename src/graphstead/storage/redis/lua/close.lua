-- Let nobody who writes now add to a run's stream any more; returns its last seq.
-- KEYS: stream. ARGV: milliseconds to live ('': as before), channel, bells ('': ring none).
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest then return 'absent' end
local last = string.match(newest[1], '^%d+')
if newest[2][3] ~= 'c' then
  local above = string.format('%.0f', tonumber(newest[2][2]) + 1)
  redis.call('XADD', KEYS[1], last .. '-' .. above, 'g', above, 'c', '1')
end
if ARGV[1] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if oldest[2][4] ~= server then return 'restarted' end
return last
