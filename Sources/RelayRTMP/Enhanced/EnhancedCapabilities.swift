/// What a peer announced for Enhanced RTMP in `connect`, or what we announce. Enhanced RTMP v2, "Enhancing NetConnection connect Command".
package struct EnhancedCapabilities: Sendable, Hashable {
    /// Bits of `capsEx`.
    package struct Extensions: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Understands ReconnectRequest.
        package static let reconnect = Extensions(rawValue: 1 << 0)
        package static let multitrack = Extensions(rawValue: 1 << 1)
        /// Can parse ModEx.
        package static let modEx = Extensions(rawValue: 1 << 2)
        package static let timestampNanoOffset = Extensions(rawValue: 1 << 3)
    }

    /// Bits of a FourCC info map's values.
    package struct CodecMask: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let decode = CodecMask(rawValue: 1 << 0)
        package static let encode = CodecMask(rawValue: 1 << 1)
        /// Takes the codec along without looking into it.
        package static let forward = CodecMask(rawValue: 1 << 2)
    }

    /// Any codec.
    package static let wildcard = "*"
    /// Entries kept of each list; beyond it the announcement is cut.
    private static let maximumEntries = 32

    /// FourCCs the peer can take, or `*`.
    package var fourCcList: [String] = []
    /// What the peer can do with each video FourCC, or with `*`.
    package var videoInfo: [String: CodecMask] = [:]
    /// What the peer can do with each audio FourCC, or with `*`.
    package var audioInfo: [String: CodecMask] = [:]
    /// Abilities beyond codecs.
    package var extensions: Extensions = []

    package init(
        fourCcList: [String] = [], videoInfo: [String: CodecMask] = [:], audioInfo: [String: CodecMask] = [:],
        extensions: Extensions = []
    ) {
        self.fourCcList = fourCcList
        self.videoInfo = videoInfo
        self.audioInfo = audioInfo
        self.extensions = extensions
    }

    /// What this relay can say of itself: it forwards everything without decoding. The codecs of today are named as well, for
    /// peers that do not know the wildcard.
    package static let relay = EnhancedCapabilities(
        fourCcList: [
            wildcard, "avc1", "hvc1", "vvc1", "av01", "vp08", "vp09", "mp4a", "Opus", "fLaC", ".mp3", "ac-3", "ec-3",
        ],
        videoInfo: [wildcard: .forward], audioInfo: [wildcard: .forward],
        extensions: [.reconnect, .multitrack, .modEx, .timestampNanoOffset])

    /// Nothing was announced: a peer of legacy RTMP.
    package var isLegacy: Bool { fourCcList.isEmpty && videoInfo.isEmpty && audioInfo.isEmpty && extensions.isEmpty }

    /// Whether video of this FourCC (e.g. `hvc1`) may be sent to the peer.
    package func acceptsVideo(_ fourCC: String) -> Bool { accepts(fourCC, info: videoInfo) }

    /// Whether audio of this FourCC (e.g. `Opus`) may be sent to the peer.
    package func acceptsAudio(_ fourCC: String) -> Bool { accepts(fourCC, info: audioInfo) }

    private func accepts(_ fourCC: String, info: [String: CodecMask]) -> Bool {
        let usable: CodecMask = [.decode, .forward]
        if let mask = info[Self.wildcard], !mask.isDisjoint(with: usable) { return true }
        if let mask = info[fourCC], !mask.isDisjoint(with: usable) { return true }
        return fourCcList.contains(fourCC) || fourCcList.contains(Self.wildcard)
    }

    /// Reads what a `connect` object, or the answer to one, announces; absent and malformed fields count as nothing.
    package init(_ object: AMF0Object) {
        fourCcList = (object["fourCcList"]?.arrayValue ?? []).prefix(Self.maximumEntries).compactMap(\.stringValue)
        videoInfo = Self.codecMasks(object["videoFourCcInfoMap"])
        audioInfo = Self.codecMasks(object["audioFourCcInfoMap"])
        extensions = Extensions(rawValue: AMF0.exactUInt32(object["capsEx"]?.numberValue) ?? 0)
    }

    private static func codecMasks(_ value: AMF0Value?) -> [String: CodecMask] {
        var masks: [String: CodecMask] = [:]
        for property in (value?.objectValue?.properties ?? []).prefix(maximumEntries) {
            if let bits = AMF0.exactUInt32(property.value.numberValue) {
                masks[property.key] = CodecMask(rawValue: bits)
            }
        }
        return masks
    }

    /// Adds the announcement to a `connect` object or the answer to one.
    package func write(into object: inout AMF0Object) {
        if !fourCcList.isEmpty { object["fourCcList"] = .strictArray(fourCcList.map { .string($0) }) }
        if !videoInfo.isEmpty { object["videoFourCcInfoMap"] = .object(Self.object(videoInfo)) }
        if !audioInfo.isEmpty { object["audioFourCcInfoMap"] = .object(Self.object(audioInfo)) }
        if !extensions.isEmpty { object["capsEx"] = .number(Double(extensions.rawValue)) }
    }

    private static func object(_ masks: [String: CodecMask]) -> AMF0Object {
        AMF0Object(
            masks.sorted { $0.key < $1.key }
                .map { AMF0Object.Property(key: $0.key, value: .number(Double($0.value.rawValue))) })
    }
}
