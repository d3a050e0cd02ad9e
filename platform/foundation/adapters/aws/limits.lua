-- Takes steps in limits in their order, all of one group. adapters/embedded/limits.py is the same in Python.
-- KEYS: hashes of counters and of reservations by id; sorted sets of when reservations expire, and of when rows are forgotten.
-- ARGV[1]: the moment, the seconds for which an expired reservation can be settled, and the steps; each begins with its kind.
local COUNTERS, RESERVATIONS, LIVE, OVER = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local COUNTER_KEPT, SWEPT_AT_ONCE, EXPIRED_AT_ONCE, DAY = 3600, 100, 1000, 86400
local moment, kept, steps = unpack(cmsgpack.unpack(ARGV[1]))
local counters, last = {}, 0

local function counter(key)
    local found = counters[key]
    if not found then
        local row = redis.call('HGET', COUNTERS, key)
        local amount, held, ends = 0, 0, 0
        if row then amount, held, ends = cmsgpack.unpack(row) end
        if ends <= moment then amount, ends = 0, 0 end -- what is held back stays
        found = {amount = amount, held = held, ends = ends, changed = false}
        counters[key] = found
    end
    return found
end

local function begin(each, key, ends) -- a counter that counts nothing yet ends when the first that counts in it says
    each.changed = true
    if each.ends == 0 then
        each.ends = ends
        redis.call('ZADD', OVER, ends + COUNTER_KEPT, 'c' .. key)
        last = math.max(last, ends + COUNTER_KEPT)
    end
end

local function release(claims)
    for _, claim in ipairs(claims) do
        local each = counter(claim[1])
        each.held, each.changed = math.max(0, each.held - claim[2]), true
    end
end

local function settle(id, used)
    local row = redis.call('HGET', RESERVATIONS, id)
    if not row then return end
    local live, claims = cmsgpack.unpack(row)
    redis.call('HDEL', RESERVATIONS, id)
    if live then
        redis.call('ZREM', LIVE, id)
        release(claims)
    else
        redis.call('ZREM', OVER, 'r' .. id)
    end
    for _, claim in ipairs(claims) do
        local amount = used[claim[1]] or 0
        if amount > 0 and claim[3] > moment then -- in a time that is over it is counted in no other
            local each = counter(claim[1])
            begin(each, claim[1], claim[3])
            each.amount = each.amount + amount
        end
    end
end

local function keep(id, ends, claims)
    local held = {}
    for _, claim in ipairs(claims) do
        if not claim[5] then held[#held + 1] = {claim[1], claim[2], claim[4]} end
    end
    if #held == 0 then return end
    local row = cmsgpack.pack(true, held)
    if redis.call('HSETNX', RESERVATIONS, id, row) == 0 then -- it takes the place of another
        settle(id, {})
        redis.call('HSET', RESERVATIONS, id, row)
    end
    redis.call('ZADD', LIVE, ends, id)
    last = math.max(last, ends + kept)
end

local function left(claim)
    local each = counter(claim[1])
    return claim[3] and claim[3] - each.amount - each.held or claim[2]
end

local function first_short(claims, without) -- what is held back left aside where `without` says so
    for place, claim in ipairs(claims) do
        if left(claim) + (without and counter(claim[1]).held or 0) < claim[2] then return place end
    end
    return 0
end

local function reserve(id, ends, claims)
    local refused, passing = first_short(claims, false), false
    if refused ~= 0 then
        local spent = first_short(claims, true)
        passing = spent == 0
        refused = passing and refused or spent
    else
        keep(id, ends, claims)
        for _, claim in ipairs(claims) do
            local each, field = counter(claim[1]), claim[5] and 'amount' or 'held'
            begin(each, claim[1], claim[4])
            each[field] = each[field] + claim[2]
        end
    end
    local lefts, ended = {}, {}
    for place, claim in ipairs(claims) do
        local ends_at = counter(claim[1]).ends
        lefts[place] = math.max(0, left(claim))
        ended[place] = ends_at ~= 0 and ends_at or claim[4]
    end
    return {refused, lefts, ended, passing}
end

local function raise(key, amount, ends)
    local each = counter(key)
    if ends > moment and each.amount < amount then
        begin(each, key, ends)
        each.amount = amount
    end
end

local function expire() -- what was never settled in its time holds nothing back any more; after an outage in several calls
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', LIVE, '-inf', moment, 'LIMIT', 0, EXPIRED_AT_ONCE)) do
        local row = redis.call('HGET', RESERVATIONS, id)
        local ends = tonumber(redis.call('ZSCORE', LIVE, id)) + kept
        redis.call('ZREM', LIVE, id)
        if row then
            local _, claims = cmsgpack.unpack(row)
            release(claims)
            redis.call('HSET', RESERVATIONS, id, cmsgpack.pack(false, claims))
            redis.call('ZADD', OVER, ends, 'r' .. id)
            last = math.max(last, ends)
        end
    end
end

local function forget() -- what is long over
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', OVER, '-inf', moment, 'LIMIT', 0, SWEPT_AT_ONCE)) do
        local key = string.sub(member, 2)
        redis.call('ZREM', OVER, member)
        if string.sub(member, 1, 1) == 'r' then
            redis.call('HDEL', RESERVATIONS, key)
        else
            local each = counter(key)
            if each.ends == 0 and each.held == 0 then
                redis.call('HDEL', COUNTERS, key)
                each.changed = false
            else
                redis.call('ZADD', OVER, math.max(each.ends, moment) + COUNTER_KEPT, member)
            end
        end
    end
end

local function write()
    for key, each in pairs(counters) do
        if each.changed then redis.call('HSET', COUNTERS, key, cmsgpack.pack(each.amount, each.held, each.ends)) end
    end
    if last == 0 then return end
    local seconds = math.ceil(last - moment)
    for _, key in ipairs(KEYS) do
        if redis.call('TTL', key) < seconds then redis.call('EXPIRE', key, seconds + DAY) end
    end
end

local answers = {}
expire()
forget()
for place, step in ipairs(steps) do
    local kind, first, second, third = unpack(step)
    answers[place] = 0
    if kind == 'reserve' then answers[place] = reserve(first, second, third)
    elseif kind == 'settle' then settle(first, second)
    elseif kind == 'raise' then raise(first, second, third)
    else answers[place] = counter(first).amount + counter(first).held end
end
write()
return cmsgpack.pack(answers)
