extension RedisScript {
    /// ARGV: name, floor, mode (`free` or `over`), epoch to take over, then the fields of the location.
    /// → {'granted' or 'held', fields, whether a damaged location was replaced}
    static let claimText = """
        local name, floor, mode, over = ARGV[1], number(ARGV[2]) or 0, ARGV[3], ARGV[4]
        local values = {}
        for i = 1, #fields do values[i] = ARGV[4 + i] end
        local held, damaged = location(name)
        local epoch = math.max(remembered(name), floor, now())
        if held and not damaged then
          local free = held[6] ~= 'live' or held[3] == values[3] or (mode == 'over' and held[4] == over)
            or not lease(held[2], held[3])
          if not free then return {'held', held, 0} end
          epoch = math.max(epoch, number(held[4]))
          if number(held[9]) then values[9] = held[9] end
          if preference(held[12]) then values[12] = held[12] end
        end
        epoch = epoch + 1
        if epoch > 9007199254740991 then return redis.error_reply('EPOCH the epochs of this stream are used up') end
        values[4] = digits(epoch)
        store(name, values)
        tellStream(name, values[4], values[2], 0)
        return {'granted', values, damaged and 1 or 0}
        """

    /// ARGV: for each location its name and fields. → {how many damaged ones were replaced, name, fields, name, fields, …} of
    /// those that stand against it
    static let restoreText = """
        local against = {0}
        for base = 1, #ARGV, #fields + 1 do
          local name, values = ARGV[base], {}
          for i = 1, #fields do values[i] = ARGV[base + i] end
          local held, damaged = location(name)
          local stands = false
          local same = false
          if damaged then
            against[1] = against[1] + 1
          elseif held then
            local old, new = number(held[4]), number(values[4])
            stands = old > new or (old == new and held[3] ~= values[3])
            same = old == new and held[6] == values[6]
            if preference(held[12]) then values[12] = held[12] end
          elseif remembered(name) > number(values[4]) then
            -- Taken over by another, and over since.
            stands = true
            held = {}
            for i = 1, #fields do held[i] = values[i] end
            held[3] = 'gone'
            held[4] = digits(remembered(name))
          end
          if stands then
            against[#against + 1] = name
            against[#against + 1] = held
          else
            store(name, values)
            if not same then tellStream(name, values[4], values[2], 0) end
          end
        end
        return against
        """

    /// ARGV: name, token, epoch.
    static let withdrawText = """
        local name = ARGV[1]
        local held, damaged = location(name)
        if not held or damaged or held[3] ~= ARGV[2] or held[4] ~= ARGV[3] then return 0 end
        redis.call('DEL', p .. 'stream:' .. name)
        redis.call('ZREM', p .. 'streams', name)
        redis.call('SET', p .. 'epoch:' .. name, digits(math.max(number(held[4]), remembered(name))), 'PX', day)
        tellStream(name, held[4], held[2], 1)
        return 1
        """

    /// ARGV: name, most holders to tell. → {fields or nil, owner lives, highest epoch, damaged, entries, {node, token, hops, …}}
    static let locateText = """
        local name = ARGV[1]
        local held, damaged = location(name)
        local last = remembered(name)
        local alive, nodes, told = 0, {}, {}
        if held and not damaged then
          last = math.max(last, number(held[4]))
          local left = lease(held[2], held[3])
          if left then
            alive = 1
            nodes[1] = entry(held[2], left)
          end
        end
        local holders = {}
        local listed = redis.pcall('HGETALL', p .. 'holders:' .. name)
        if not listed.err then
          for i = 1, #listed, 2 do
            local token, hops = string.match(listed[i + 1], '^(%S+) (%d+)$')
            if hops and #hops <= 3 then
              local left = lease(listed[i], token)
              if left then holders[#holders + 1] = {listed[i], token, tonumber(hops), left} end
            end
          end
        end
        -- Near ones first, then by name, so that everyone who asks is told the same.
        table.sort(holders, function(a, b) if a[3] == b[3] then return a[1] < b[1] end return a[3] < b[3] end)
        for i = 1, math.min(#holders, tonumber(ARGV[2])) do
          local one = holders[i]
          told[i] = {one[1], one[2], one[3]}
          if not held or one[1] ~= held[2] or alive == 0 then nodes[#nodes + 1] = entry(one[1], one[4]) end
        end
        return {(held and not damaged) and held or false, alive, digits(last), damaged and 1 or 0, nodes, told}
        """

    /// ARGV: where the page begins (`-` or `(name`), how many. → {last name or nil, damaged, name, fields, name, fields, …}
    static let streamsText = """
        local names = redis.call('ZRANGEBYLEX', p .. 'streams', ARGV[1], '+', 'LIMIT', 0, ARGV[2])
        local found = {names[#names] or false, 0}
        for _, name in ipairs(names) do
          local held, damaged = location(name)
          if damaged then
            found[2] = found[2] + 1
          elseif held then
            found[#found + 1] = name
            found[#found + 1] = held
          end
        end
        return found
        """

    /// ARGV: name, node or ''.
    static let preferText = """
        local name = ARGV[1]
        local held, damaged = location(name)
        if not held or damaged then return 0 end
        if held[12] ~= ARGV[2] then
          redis.call('HSET', p .. 'stream:' .. name, 'preferred', ARGV[2])
          tellStream(name, held[4], held[2], 0)
        end
        return 1
        """

    /// ARGV: name, node, token, hops or ''.
    static let holdText = """
        local name = ARGV[1]
        local key = p .. 'holders:' .. name
        local kind = redis.call('TYPE', key).ok
        if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
        if ARGV[4] ~= '' then
          redis.call('HSET', key, ARGV[2], ARGV[3] .. ' ' .. ARGV[4])
          redis.call('ZADD', p .. 'holding', 0, name)
          return 1
        end
        local held = get(key, ARGV[2])
        if held and string.match(held, '^(%S+) %d+$') == ARGV[3] then redis.call('HDEL', key, ARGV[2]) end
        if redis.call('EXISTS', key) == 0 then redis.call('ZREM', p .. 'holding', name) end
        return 1
        """
}
