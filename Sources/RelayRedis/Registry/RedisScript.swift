/// The registry's scripts. Each reads and writes in one step what has to change together; Redis runs one at a time.
///
/// `KEYS[1]` is the prefix of all keys, from which a script makes the names it needs (`node:` and so on): the registry lives
/// on one primary, never on a Redis Cluster. Numbers in Lua are doubles, so epochs are below 2^53 here; whatever is above
/// counts as damaged.
enum RedisScript: String, CaseIterable {
    case renew, release, nodes, wish
    case claim, restore, withdraw, locate, streams, prefer, hold
    case sweep
    case scalingState, storeScalingState, logDecision, currentDecisions, decisions
    case announcedEvents, announce, scalingControls, setScalingControl, lead, resign

    /// The text that is loaded.
    var source: String {
        switch self {
        case .renew: Self.common + Self.renewText
        case .release: Self.common + Self.releaseText
        case .nodes: Self.common + Self.nodesText
        case .wish: Self.common + Self.wishText
        case .claim: Self.common + Self.claimText
        case .restore: Self.common + Self.restoreText
        case .withdraw: Self.common + Self.withdrawText
        case .locate: Self.common + Self.locateText
        case .streams: Self.common + Self.streamsText
        case .prefer: Self.common + Self.preferText
        case .hold: Self.common + Self.holdText
        case .sweep: Self.common + Self.sweepText
        case .scalingState: Self.common + Self.scalingCommon + Self.scalingStateText
        case .storeScalingState: Self.common + Self.scalingCommon + Self.storeScalingStateText
        case .logDecision: Self.common + Self.scalingCommon + Self.logDecisionText
        case .currentDecisions: Self.common + Self.scalingCommon + Self.currentDecisionsText
        case .decisions: Self.common + Self.scalingCommon + Self.decisionsText
        case .announcedEvents: Self.common + Self.scalingCommon + Self.announcedEventsText
        case .announce: Self.common + Self.scalingCommon + Self.announceText
        case .scalingControls: Self.common + Self.scalingCommon + Self.scalingControlsText
        case .setScalingControl: Self.common + Self.scalingCommon + Self.setScalingControlText
        case .lead: Self.common + Self.scalingCommon + Self.leadText
        case .resign: Self.common + Self.scalingCommon + Self.resignText
        }
    }

    /// Fields of a location in the order in which scripts take and give them.
    static let locationFields = [
        "version", "owner", "token", "epoch", "id", "state", "host", "port", "start", "video", "audio", "preferred",
    ]

    /// Longest value of a record that is read, bytes: ours are below 2 kB.
    static let longestRecord = 16_384

    /// What several scripts use. Reads are `pcall`s: a key of another type is a damaged record, not the end of the script.
    private static let common = """
        local p = KEYS[1]
        local fields = {\(locationFields.map { "'\($0)'" }.joined(separator: ","))}
        local longest = \(longestRecord)
        local day = 86400000

        -- A number in decimal digits up to 2^53 - 1, or nil.
        local function number(text)
          if type(text) ~= 'string' or #text > 16 or not string.match(text, '^%d+$') then return nil end
          local n = tonumber(text)
          if n > 9007199254740991 then return nil end
          return n
        end
        local function digits(n) return string.format('%.0f', n) end

        local function now()
          local t = redis.call('TIME')
          return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
        end

        -- One field of a hash, or nil.
        local function get(key, field)
          local n = redis.pcall('HSTRLEN', key, field)
          if type(n) ~= 'number' or n == 0 or n > longest then return nil end
          return redis.call('HGET', key, field)
        end

        -- Makes room for a value of a kind, where somebody wrote another.
        local function makeRoom(key, wanted)
          local kind = redis.call('TYPE', key).ok
          if kind ~= wanted and kind ~= 'none' then redis.call('DEL', key) end
        end

        -- What is left of a node's lease under this token, ms; nil when it is over. Without a TTL it is none.
        local function lease(node, token)
          if not node or not token then return nil end
          local key = p .. 'node:' .. node
          if get(key, 'token') ~= token then return nil end
          local left = redis.call('PTTL', key)
          if left > 0 then return left end
          return nil
        end

        -- A location in the order of its fields. The second value tells of one that is damaged.
        local function location(name)
          local key = p .. 'stream:' .. name
          local kind = redis.call('TYPE', key).ok
          if kind == 'none' then return nil, false end
          if kind ~= 'hash' then return nil, true end
          local found = {}
          for i, field in ipairs(fields) do found[i] = get(key, field) or '' end
          if not number(found[4]) or found[1] ~= '1' then return found, true end
          return found, false
        end

        -- Writes a location from a table of its fields. HSET is the first write of its script, so that a Redis without memory
        -- refuses before anything has changed; a script that has written is not stopped any more.
        local function store(name, values)
          local key = p .. 'stream:' .. name
          local arguments = {}
          for i, field in ipairs(fields) do
            arguments[#arguments + 1] = field
            arguments[#arguments + 1] = values[i]
          end
          local kind = redis.call('TYPE', key).ok
          if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
          redis.call('HSET', key, unpack(arguments))
          redis.call('HDEL', key, 'orphaned')
          redis.call('ZADD', p .. 'streams', 0, name)
        end

        -- Whether a text can be a node's name.
        local function preference(text) return #text <= 64 and string.match(text, '^[%w._-]+$') end

        local function remembered(name)
          return number(redis.pcall('GET', p .. 'epoch:' .. name)) or 0
        end

        local function tell(text) redis.call('PUBLISH', p .. 'news', text) end
        local function tellStream(name, epoch, owner, gone)
          tell('stream ' .. name .. ' ' .. epoch .. ' ' .. owner .. ' ' .. gone)
        end

        -- A node's entry: id, token, record, report, what is left of its lease. nil when it does not live.
        local function entry(id, left)
          local key = p .. 'node:' .. id
          local token = get(key, 'token')
          if not token then return nil end
          left = left or redis.call('PTTL', key)
          local report = false
          local size = redis.pcall('STRLEN', p .. 'report:' .. id)
          if type(size) == 'number' and size > 0 and size <= longest then report = redis.call('GET', p .. 'report:' .. id) end
          return {id, token, get(key, 'record') or '', report, left}
        end

        """
}
