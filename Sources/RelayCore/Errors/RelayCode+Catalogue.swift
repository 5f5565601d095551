extension RelayCode {
    // MARK: 1xxx names and requests
    package static let badStreamName = RelayCode(
        1001, "The stream name is not allowed.",
        hint: "Use app/name with A-Z a-z 0-9 . _ ~ - only, at most 255 bytes.")
    package static let noSuchPath = RelayCode(
        1002, "There is nothing at this path.", hint: "Streams are at /app/name.flv.")
    package static let badQuery = RelayCode(
        1003, "A query parameter has a value that is not allowed.",
        hint: "Players may ask for ?only=audio or ?only=video.")

    // MARK: 2xxx RTMP
    package static let handshakeTimeout = RelayCode(
        2001, "The RTMP handshake was not finished in time.",
        hint: "Check that the client speaks RTMP and the path is not blocked.")
    package static let tlsOnPlainPort = RelayCode(
        2002, "TLS was spoken on the plain RTMP port.", hint: "Use rtmp:// here.")
    package static let httpOnRTMPPort = RelayCode(
        2003, "HTTP was spoken on the RTMP port.", hint: "Use the HTTP port for http:// and ws:// players.")
    package static let encryptedRTMP = RelayCode(
        2004, "RTMPE is not supported.", hint: "Use rtmp://.")
    package static let badHandshake = RelayCode(
        2005, "The bytes are not an RTMP handshake.", hint: "Check what connects to this port.")
    package static let chunkProtocol = RelayCode(
        2006, "The RTMP chunk stream is broken.", hint: "Update the client; keep a capture if it goes on.")
    package static let chunkSizeRefused = RelayCode(
        2007, "The announced RTMP chunk size is not allowed.", hint: "Announce at least 128 and at most 2147483647.")
    package static let messageTooLong = RelayCode(
        2008, "An RTMP message is longer than its cap.", hint: "Lower the bit rate or raise limits.*MessageBytes.")
    package static let tooManyChunkStreams = RelayCode(
        2009, "Too many RTMP messages were begun and not finished.",
        hint: "Update the client; it interleaves without end.")
    package static let badAMF = RelayCode(
        2010, "An AMF value is broken or too large.", hint: "Update the client.")
    package static let commandOrder = RelayCode(
        2011, "An RTMP command came in the wrong order.", hint: "connect, then createStream, then publish or play.")
    package static let commandRate = RelayCode(
        2012, "Too many RTMP commands in a second.", hint: "Slow down; media is not counted.")
    package static let tooManyMessageStreams = RelayCode(
        2013, "Too many RTMP message streams on one connection.", hint: "Delete streams that are no longer used.")
    package static let setupTimeout = RelayCode(
        2014, "The client neither published nor played in time.", hint: "Send publish or play soon after connect.")
    package static let mediaTimeout = RelayCode(
        2015, "The publisher sent no media in time.", hint: "Check the encoder and its network.")
    package static let badMedia = RelayCode(
        2016, "Codec headers were broken three times in a row.", hint: "Restart or update the encoder.")
    package static let pingTimeout = RelayCode(
        2017, "The peer did not answer pings.", hint: "Check the peer's network.")
    package static let decodeBudget = RelayCode(
        2018, "Too many chunk headers in a second.", hint: "Announce a larger chunk size.")

    package static let peerRefused = RelayCode(
        2019, "The other server refused the stream.", hint: "See its own words next to this code.")

    // MARK: 3xxx HTTP and WebSocket
    package static let badRequest = RelayCode(3001, "The HTTP request is not valid.", hint: "Check the client.")
    package static let methodNotAllowed = RelayCode(
        3002, "This method is not allowed here.", hint: "Use GET or HEAD.")
    package static let headersTooLarge = RelayCode(
        3003, "The request line or the headers are too large.", hint: "Send fewer or shorter headers.")
    package static let requestTimeout = RelayCode(
        3004, "The request was not finished in time.", hint: "Send the whole request at once.")
    package static let bodyNotAllowed = RelayCode(3005, "A request body is not allowed here.", hint: "Send none.")
    package static let upgradeRequired = RelayCode(
        3006, "The WebSocket version is not supported.", hint: "Use Sec-WebSocket-Version: 13.")
    package static let badUpgrade = RelayCode(
        3007, "The WebSocket handshake is not valid.", hint: "Send Connection, Upgrade and a 16-byte Sec-WebSocket-Key."
    )
    package static let webSocketProtocol = RelayCode(
        3008, "The WebSocket client broke the protocol.", hint: "Send masked close and ping frames only.")

    // MARK: 4xxx streams
    package static let streamNotFound = RelayCode(
        4001, "There is no such stream now.", hint: "Check the name, or wait until it is published.")
    package static let streamBusy = RelayCode(
        4002, "The stream has a publisher already.", hint: "Stop it, kick it, or set publish.policy to takeover.")
    package static let takenOver = RelayCode(
        4003, "Another publisher took the stream over.", hint: "Only one encoder may send a stream.")
    package static let kicked = RelayCode(4004, "An operator closed the connection.", hint: "Ask the operator.")
    package static let tooSlow = RelayCode(
        4005, "The viewer did not keep up with the stream.", hint: "Use a lower bit rate or a better network.")
    package static let streamEnded = RelayCode(4006, "The stream has ended.", hint: "Play again when it is published.")
    package static let codecRefused = RelayCode(
        4007, "The player did not offer the stream's codec.", hint: "Use a player with Enhanced RTMP, or HTTP-FLV.")

    package static let viewerNotFound = RelayCode(
        4008, "There is no such viewer now.", hint: "List them with relayctl viewers.")

    // MARK: 5xxx capacity
    package static let tooManyConnections = RelayCode(
        5001, "The node has no room for another connection.", hint: "Try another node, or later.")
    package static let tooManyPending = RelayCode(
        5002, "Too many unfinished connections from one address.", hint: "Finish or close them first.")
    package static let tooManyViewers = RelayCode(
        5003, "The node has no room for another viewer.", hint: "Try another node, or later.")
    package static let tooManyStreams = RelayCode(
        5004, "The node has no room for another stream.", hint: "Try another node, or later.")

    // MARK: 6xxx operation
    package static let draining = RelayCode(
        6001, "The node is going down.", hint: "Connect again; another node will answer.")
    package static let badConfiguration = RelayCode(
        6002, "The configuration is not valid.", hint: "See the list above it.")

    // MARK: 7xxx link and cluster
    package static let linkProtocol = RelayCode(
        7001, "The other node broke the link protocol.",
        hint: "Run the same release on both; keep a capture if it goes on.")
    package static let linkKeyMismatch = RelayCode(
        7002, "The cluster keys of the two nodes differ.", hint: "Give every node of the cluster the same key.")
    package static let linkVersion = RelayCode(
        7003, "The two nodes speak no common link version.", hint: "Update the older one; one release apart is fine.")
    package static let linkTimeout = RelayCode(
        7004, "The link handshake was not finished in time.", hint: "Check what listens there and the path to it.")
    package static let linkDead = RelayCode(
        7005, "Nothing was heard of the other node for too long.", hint: "Check that node and the path to it.")
    package static let linkLoop = RelayCode(
        7006, "The stream would come back to a node it passed, or pass too many.",
        hint: "Check the location of the stream and the parents of the nodes.")
    package static let linkLimit = RelayCode(
        7007, "The other node went over a bound of the link.", hint: "Look for a broken or overloaded node.")
    package static let linkToSelf = RelayCode(
        7008, "The link reached a node of the same name.", hint: "Give every node its own name; check the endpoint.")
    package static let notALink = RelayCode(
        7009, "Something else than the link protocol was spoken on the link port.", hint: "Check what connects to it.")
    package static let linkPeerClosed = RelayCode(
        7010, "The other node closed the link for a reason of its own.",
        hint: "See its words next to this code, and its log.")

    /// The codes that end a link: what one node may tell the other.
    package static let link: [RelayCode] = [
        .linkProtocol, .linkKeyMismatch, .linkVersion, .linkTimeout, .linkDead, .linkLoop, .linkLimit, .linkToSelf,
        .notALink, .linkPeerClosed,
    ]

    // MARK: 703x cluster
    package static let sourceLost = RelayCode(
        7030, "The stream's origin is away.", hint: "Play again later; see relayctl why for what was tried.")
    package static let registryAway = RelayCode(
        7031, "Where the stream is cannot be looked up now.", hint: "Try again soon; check the registry.")
    package static let lookupRate = RelayCode(
        7032, "Too many lookups of unknown streams.", hint: "Slow down, and check the name.")
    package static let ownedElsewhere = RelayCode(
        7033, "Another origin has a publisher of the stream.",
        hint: "Stop that one, publish as its backup, or set publish.policy to takeover.")
    package static let lostOwnership = RelayCode(
        7034, "Another origin owns the stream now.", hint: "Publish again; the cluster will tell whether it is free.")
    package static let nodeNameTaken = RelayCode(
        7035, "Another process lives under this node's name.",
        hint: "Give each node a node.name of its own, or wait until the other's lease is over.")
    package static let standbyExists = RelayCode(
        7036, "The stream has a publisher and a backup already.", hint: "Stop one of them.")
    package static let noCluster = RelayCode(
        7040, "The node belongs to no cluster.", hint: "Ask a node that was started as origin or edge.")
    package static let nodeNotFound = RelayCode(
        7041, "There is no such node now.", hint: "List them with relayctl nodes.")
    package static let noOrigin = RelayCode(
        7042, "No origin is there to take the stream.", hint: "Start an origin, or check the registry.")
    package static let movedAway = RelayCode(
        7043, "The stream is to be published at another origin.", hint: "Connect again; any node leads there.")

    /// Codes of the cluster.
    static let cluster: [RelayCode] = [
        .sourceLost, .registryAway, .lookupRate, .ownedElsewhere, .lostOwnership, .nodeNameTaken, .standbyExists,
        .noCluster, .nodeNotFound, .noOrigin, .movedAway,
    ]

    // MARK: 705x and 706x autoscaler
    package static let badEvent = RelayCode(
        7050, "The announced event is not possible.",
        hint: "Use a name of A-Z a-z 0-9 . _ -, an end after the start, and a peak of 0 or more.")
    package static let eventNotFound = RelayCode(
        7051, "No event of this name is announced.", hint: "List them with relayctl autoscale event list.")
    package static let noDecision = RelayCode(
        7052, "There is no fresh decision on this tier.",
        hint: "Keep the replicas as they are; check the autoscaler's log, its leader and the registry.")
    package static let scalingDenied = RelayCode(
        7053, "The platform does not allow what the autoscaler needs; it only decides now.",
        hint: "Grant the verb that stands next to this code; the chart's Role has all of them.")
    package static let workloadMissing = RelayCode(
        7054, "The workload to scale does not exist.",
        hint: "Check autoscaler.edge.workload, autoscaler.origin.workload and the namespace.")
    package static let twoMasters = RelayCode(
        7055, "Something else scales the same workload.",
        hint: "Remove the HorizontalPodAutoscaler or ScaledObject, or set autoscaler.driver to export.")
    package static let platformAway = RelayCode(
        7056, "The platform's API does not answer; replicas stay as they are.",
        hint: "Check the API server; decisions go on and the newest is applied when it is back.")
    package static let learnedStateUnusable = RelayCode(
        7057, "What was learned of a tier's demand cannot be used; learning starts anew.",
        hint: "Nothing to do: until it knows the demand the autoscaler acts on what it sees.")
    package static let scalingStoreAway = RelayCode(
        7058, "The registry does not answer; nothing was changed.",
        hint: "Try again soon; check the registry. Replicas stay as they are meanwhile.")
    package static let scalingStoreRefused = RelayCode(
        7059, "The registry refuses; nothing was changed.", hint: "Put right what it names, and try again.")
    package static let badScalingQuery = RelayCode(
        7060, "A question about scaling has a value that is not allowed.",
        hint: "Use target or tier edge or origin, limit 1 to 2000, at in ms since 1970, on true or false.")
    package static let tierOff = RelayCode(
        7061, "This tier is off: no autoscaler decides on it.",
        hint: "Set autoscaler.edge.mode or autoscaler.origin.mode to observe, up-only or on.")
    package static let onlyAutoscaler = RelayCode(
        7062, "This is an autoscaler, which has no such path: no nodes, streams or viewers.",
        hint: "Ask the admin API of a node that was started as origin or edge.")

    /// Codes of the autoscaler.
    static let autoscaler: [RelayCode] = [
        .badEvent, .eventNotFound, .noDecision, .scalingDenied, .workloadMissing, .twoMasters, .platformAway,
        .learnedStateUnusable, .scalingStoreAway, .scalingStoreRefused, .badScalingQuery, .tierOff, .onlyAutoscaler,
    ]

    /// Every code, for `relayctl explain` and the documentation.
    package static let catalogue: [RelayCode] =
        [
            .badStreamName, .noSuchPath, .badQuery,
            .handshakeTimeout, .tlsOnPlainPort, .httpOnRTMPPort, .encryptedRTMP, .badHandshake, .chunkProtocol,
            .chunkSizeRefused, .messageTooLong, .tooManyChunkStreams, .badAMF, .commandOrder, .commandRate,
            .tooManyMessageStreams, .setupTimeout, .mediaTimeout, .badMedia, .pingTimeout, .decodeBudget, .peerRefused,
            .badRequest, .methodNotAllowed, .headersTooLarge, .requestTimeout, .bodyNotAllowed, .upgradeRequired,
            .badUpgrade, .webSocketProtocol,
            .streamNotFound, .streamBusy, .takenOver, .kicked, .tooSlow, .streamEnded, .codecRefused, .viewerNotFound,
            .tooManyConnections, .tooManyPending, .tooManyViewers, .tooManyStreams,
            .draining, .badConfiguration,
        ] + link + cluster + autoscaler
}
