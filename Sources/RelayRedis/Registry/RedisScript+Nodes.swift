import RelayCluster
import RelayCore

extension RedisScript {
    /// Another token under the same address of the link is the process before this one: two cannot listen there.
    ///
    /// ARGV: id, token, ttl ms, record, report or '', state, link or ''. → {'taken'} or {'renewed', was absent, ms since 1970, wish or nil}
    static let renewText = """
        local id, token, ttl = ARGV[1], ARGV[2], ARGV[3]
        local key = p .. 'node:' .. id
        local kind = redis.call('TYPE', key).ok
        local held = nil
        if kind == 'hash' then held = get(key, 'token') elseif kind ~= 'none' then redis.call('DEL', key) end
        if held and held ~= token and redis.call('PTTL', key) > 0 and (ARGV[7] == '' or get(key, 'link') ~= ARGV[7]) then
          return {'taken'}
        end
        local absent = held ~= token
        local news = absent or get(key, 'state') ~= ARGV[6]
        redis.call('HSET', key, 'token', token, 'record', ARGV[4], 'state', ARGV[6], 'link', ARGV[7])
        redis.call('PEXPIRE', key, ttl)
        if ARGV[5] ~= '' then
          redis.call('SET', p .. 'report:' .. id, ARGV[5], 'PX', ttl)
        else
          redis.call('PEXPIRE', p .. 'report:' .. id, ttl)
        end
        makeRoom(p .. 'nodes', 'zset')
        redis.call('ZADD', p .. 'nodes', 0, id)
        if news then tell('node ' .. id) end
        local wish = redis.pcall('GET', p .. 'wish:' .. id)
        if type(wish) ~= 'string' or #wish > longest then wish = false end
        return {'renewed', absent and 1 or 0, digits(now()), wish}
        """

    /// ARGV: id, token.
    static let releaseText = """
        local id = ARGV[1]
        if get(p .. 'node:' .. id, 'token') ~= ARGV[2] then return 0 end
        redis.call('DEL', p .. 'node:' .. id, p .. 'report:' .. id)
        makeRoom(p .. 'nodes', 'zset')
        redis.call('ZREM', p .. 'nodes', id)
        tell('node ' .. id)
        return 1
        """

    /// The rule of ``NodeWish/mayReplace(_:age:)``. ARGV: id, wish or '', its author, its epoch.
    static let wishText = """
        local key = p .. 'wish:' .. ARGV[1]
        local function mayReplace()
          if ARGV[3] ~= '\(NodeWish.autoscaler)' then return true end
          local text = redis.pcall('GET', key)
          if type(text) ~= 'string' or #text > longest then return true end
          local isObject, stands = pcall(cjson.decode, text)
          if not isObject or type(stands) ~= 'table' then return true end
          if stands.author ~= ARGV[3] then return type(stands.drainMilliseconds) ~= 'number' end
          local epoch = type(stands.epoch) == 'number' and stands.epoch or 0
          return epoch <= (number(ARGV[4]) or 0)
            or day - redis.call('PTTL', key) >= \(ScalingLimits.fence.wholeMilliseconds)
        end
        if ARGV[2] == '' then
          redis.call('DEL', key)
        elseif mayReplace() then
          redis.call('SET', key, ARGV[2], 'PX', day)
        else
          return 0
        end
        tell('wish ' .. ARGV[1])
        return 1
        """

    /// ARGV: where the page begins (`-` or `(name`), how many. → {last id or nil, entries}
    static let nodesText = """
        -- Of another type until the next renewal.
        if redis.call('TYPE', p .. 'nodes').ok ~= 'zset' then return {false, {}} end
        local ids = redis.call('ZRANGEBYLEX', p .. 'nodes', ARGV[1], '+', 'LIMIT', 0, ARGV[2])
        local found = {}
        for _, id in ipairs(ids) do
          local one = entry(id)
          if one then found[#found + 1] = one end
        end
        return {ids[#ids] or false, found}
        """

    /// Takes away what nobody takes back: index entries of nodes that are gone, locations without a living owner for a day,
    /// holders that died. ARGV: index (`nodes`, `streams` or `holding`), where the page begins, how many. → last name or nil
    static let sweepText = """
        makeRoom(p .. ARGV[1], 'zset')
        local names = redis.call('ZRANGEBYLEX', p .. ARGV[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])
        for _, name in ipairs(names) do
          if ARGV[1] == 'nodes' then
            if redis.call('EXISTS', p .. 'node:' .. name) == 0 then redis.call('ZREM', p .. 'nodes', name) end
          elseif ARGV[1] == 'streams' then
            local key = p .. 'stream:' .. name
            local kind = redis.call('TYPE', key).ok
            if kind ~= 'hash' then
              if kind ~= 'none' then redis.call('DEL', key) end
              redis.call('ZREM', p .. 'streams', name)
            elseif lease(get(key, 'owner'), get(key, 'token')) then
              redis.call('HDEL', key, 'orphaned')
            else
              local since = number(get(key, 'orphaned'))
              if not since then
                redis.call('HSET', key, 'orphaned', digits(now()))
              elseif now() - since > day then
                local epoch = number(get(key, 'epoch'))
                if epoch and epoch > remembered(name) then
                  redis.call('SET', p .. 'epoch:' .. name, digits(epoch), 'PX', day)
                end
                redis.call('DEL', key)
                redis.call('ZREM', p .. 'streams', name)
              end
            end
          else
            local key = p .. 'holders:' .. name
            local held = redis.pcall('HGETALL', key)
            if held.err then
              redis.call('DEL', key)
            else
              for i = 1, #held, 2 do
                if not lease(held[i], string.match(held[i + 1], '^(%S+) %d+$')) then redis.call('HDEL', key, held[i]) end
              end
            end
            if redis.call('EXISTS', key) == 0 then redis.call('ZREM', p .. 'holding', name) end
          end
        end
        return names[#names] or false
        """
}
