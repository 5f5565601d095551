import RelayCluster
import RelayCore

/// What the autoscaler keeps: see ``ScalingStore``.
extension RedisScript {
    /// Entries of a history that are read in one go, and bytes after which a page is full: with entries of the largest size it
    /// stays below ``RESPLimits/reply``.
    private static let historyBatch = 24
    private static let historyPageBytes = 1 << 20

    static let scalingCommon = """
        local fence = \(ScalingLimits.fence.wholeMilliseconds)
        local longestName = \(ScalingLimits.longestName)

        -- A document's text and its epoch, or nil; and 1 where something stands that is none.
        local function document(key, most)
          if redis.call('EXISTS', key) == 0 then return nil, nil, 0 end
          local size = redis.pcall('HSTRLEN', key, 'json')
          local epoch = number(get(key, 'epoch'))
          if not epoch or type(size) ~= 'number' or size == 0 or size > most then return nil, nil, 1 end
          return redis.call('HGET', key, 'json'), epoch, 0
        end

        -- Whether a later epoch wrote there, not long ago.
        local function isFenced(key, epoch)
          local last, at = number(get(key, 'epoch')), number(get(key, 'at'))
          return last and at and last > epoch and math.abs(now() - at) < fence
        end

        local function write(key, epoch, json)
          makeRoom(key, 'hash')
          redis.call('HSET', key, 'epoch', epoch, 'at', digits(now()), 'json', json)
        end

        """

    /// ARGV: tier. → {damaged, epoch or nil, document or nil}
    static let scalingStateText = """
        local json, epoch, damaged = document(p .. 'scaling:state:' .. ARGV[1], \(ScalingLimits.longestState))
        return {damaged, epoch and digits(epoch) or false, json or false}
        """

    /// ARGV: tier, epoch, document. → whether it was written
    static let storeScalingStateText = """
        local key = p .. 'scaling:state:' .. ARGV[1]
        if isFenced(key, tonumber(ARGV[2])) then return 0 end
        write(key, ARGV[2], ARGV[3])
        return 1
        """

    /// The history is a stream, whose ids are milliseconds of Redis' clock. One whose newest id is far in the future would hide
    /// all that follows, so it begins anew. ARGV: tier, epoch, document, '1' when it is kept. → whether it was written
    static let logDecisionText = """
        local key, log = p .. 'scaling:decision:' .. ARGV[1], p .. 'scaling:history:' .. ARGV[1]
        if isFenced(key, tonumber(ARGV[2])) then return 0 end
        write(key, ARGV[2], ARGV[3])
        if ARGV[4] ~= '1' then return 1 end
        makeRoom(log, 'stream')
        local function append()
          return redis.pcall('XADD', log, 'MAXLEN', '=', \(ScalingLimits.maximumDecisions), '*', 'json', ARGV[3])
        end
        local id = append()
        if type(id) ~= 'string' or tonumber(string.match(id, '^%d+')) > now() + day then
          redis.call('DEL', log)
          append()
        end
        -- Redis before 6.2 does not know MINID; reading leaves out what is too old all the same.
        redis.pcall('XTRIM', log, 'MINID', '=', digits(now() - \(ScalingLimits.history.wholeMilliseconds)))
        return 1
        """

    /// ARGV: tiers. → {damaged, {epoch, document, age ms}…}
    static let currentDecisionsText = """
        local found, broken = {0}, 0
        for _, tier in ipairs(ARGV) do
          local key = p .. 'scaling:decision:' .. tier
          local json, epoch, damaged = document(key, \(ScalingLimits.longestDecision))
          local at = json and number(get(key, 'at'))
          if at then
            found[#found + 1] = {digits(epoch), json, digits(math.max(0, now() - at))}
          elseif json or damaged == 1 then
            broken = broken + 1
          end
        end
        found[1] = broken
        return found
        """

    /// A page of a history, newest first. ARGV: tier, where it begins (`+`, ms, or `(id`), how many.
    /// → {damaged, where the next page begins or nil, documents…}
    static let decisionsText = """
        local log = p .. 'scaling:history:' .. ARGV[1]
        local kind = redis.call('TYPE', log).ok
        if kind ~= 'stream' then return {kind == 'none' and 0 or 1, false} end
        local first, position = digits(now() - \(ScalingLimits.history.wholeMilliseconds)), ARGV[2]
        local wanted, bytes, damaged, found = tonumber(ARGV[3]), 0, 0, {0, false}
        while #found - 2 < wanted and bytes < \(historyPageBytes) do
          local count = math.min(\(historyBatch), wanted - (#found - 2))
          local page = redis.call('XREVRANGE', log, position, first, 'COUNT', count)
          for _, one in ipairs(page) do
            local json = nil
            for i = 1, #one[2], 2 do if one[2][i] == 'json' then json = one[2][i + 1] end end
            if json and #json <= \(ScalingLimits.longestDecision) then
              found[#found + 1] = json
              bytes = bytes + #json
            else
              damaged = damaged + 1
            end
            position = '(' .. one[1]
          end
          if #page < count then
            position = false
            break
          end
        end
        found[1], found[2] = damaged, position
        return found
        """

    /// Page by page, since anybody may have written more there than is kept. → {damaged, name, event, name, event, …}
    static let announcedEventsText = """
        local key = p .. 'scaling:events'
        local kind = redis.call('TYPE', key).ok
        if kind ~= 'hash' then return {kind == 'none' and 0 or 1} end
        local cursor, count, damaged, seen, found = '0', 0, 0, {}, {0}
        repeat
          local page = redis.call('HSCAN', key, cursor, 'COUNT', 100)
          cursor = page[1]
          for i = 1, #page[2], 2 do
            local name, event = page[2][i], page[2][i + 1]
            if seen[name] then
              -- HSCAN may give an entry twice.
            elseif count == \(ScalingLimits.maximumEvents) or #name > longestName or #event > \(ScalingLimits.longestEvent) then
              damaged = damaged + 1
            else
              found[#found + 1], found[#found + 2] = name, event
              count = count + 1
            end
            seen[name] = true
          end
        until cursor == '0' or count == \(ScalingLimits.maximumEvents)
        found[1] = damaged
        return found
        """

    /// ARGV: name, event or ''. → 0 when there are too many
    static let announceText = """
        local key = p .. 'scaling:events'
        makeRoom(key, 'hash')
        if ARGV[2] == '' then
          redis.call('HDEL', key, ARGV[1])
        elseif redis.call('HEXISTS', key, ARGV[1]) == 0 and redis.call('HLEN', key) >= \(ScalingLimits.maximumEvents) then
          return 0
        else
          redis.call('HSET', key, ARGV[1], ARGV[2])
        end
        return 1
        """

    /// ARGV: names. → {damaged, value or nil, …}
    static let scalingControlsText = """
        local key, found = p .. 'scaling:controls', {0}
        local kind = redis.call('TYPE', key).ok
        if kind ~= 'hash' and kind ~= 'none' then found[1] = 1 end
        for i, name in ipairs(ARGV) do
          local value = false
          if kind == 'hash' and redis.call('HEXISTS', key, name) == 1 then
            local size = redis.call('HSTRLEN', key, name)
            if size > 0 and size <= \(ScalingLimits.longestControl) then
              value = redis.call('HGET', key, name)
            else
              found[1] = 1
            end
          end
          found[i + 1] = value
        end
        return found
        """

    /// ARGV: name, value.
    static let setScalingControlText = """
        local key = p .. 'scaling:controls'
        makeRoom(key, 'hash')
        redis.call('HSET', key, ARGV[1], ARGV[2])
        return 1
        """

    /// The lease of a group's leader. The epoch is one more than the highest of the last one's and Redis' clock in ms, so that it
    /// grows even where Redis forgot. ARGV: group, holder, ttl ms. → {holder, epoch}
    static let leadText = """
        local key, remembers = p .. 'scaling:leader:' .. ARGV[1], p .. 'scaling:epoch:' .. ARGV[1]
        local holder, epoch = get(key, 'holder'), number(get(key, 'epoch'))
        if holder and #holder <= longestName and epoch and redis.call('PTTL', key) > 0 then
          if holder == ARGV[2] then redis.call('PEXPIRE', key, ARGV[3]) end
          return {holder, digits(epoch)}
        end
        local last = math.max(number(redis.pcall('GET', remembers)) or 0, epoch or 0)
        -- One that no clock gives for a thousand years was not written by us.
        if last > now() + 31557600000000 then last = 0 end
        epoch = digits(math.max(last, now()) + 1)
        redis.call('SET', remembers, epoch)
        makeRoom(key, 'hash')
        redis.call('HSET', key, 'holder', ARGV[2], 'epoch', epoch)
        redis.call('PEXPIRE', key, ARGV[3])
        return {ARGV[2], epoch}
        """

    /// ARGV: group, holder.
    static let resignText = """
        local key = p .. 'scaling:leader:' .. ARGV[1]
        if get(key, 'holder') == ARGV[2] then redis.call('DEL', key) end
        return 1
        """
}
