import Foundation
import RelayCluster
import RelayScaling

/// What the registry's store holds of a decision: the decision, and who made it how.
struct ScalingRecord: Codable {
    var leader: String
    var driver: String
    var decision: Decision

    /// How many needs, and nodes of each action, are kept when a record is too long; fewer and fewer until it fits.
    private static let cuts = [1_000, 250, 50, 10, 0]

    /// - Parameter longest: What the store takes, bytes; what does not fit is left out, and a block says so.
    func json(longest: Int = ScalingLimits.longestDecision) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var record = self
        var data = try? encoder.encode(record)
        for most in Self.cuts {
            guard let length = data?.count, length > longest else { break }
            record.decision = decision.cut(to: most)
            data = try? encoder.encode(record)
        }
        return data.map { String(decoding: $0, as: UTF8.self) }
    }

    /// nil when it is not one, or of another version.
    static func parse(_ json: String) -> ScalingRecord? {
        try? JSONDecoder().decode(ScalingRecord.self, from: Data(json.utf8))
    }
}

extension Decision {
    /// Longest text of a need or a block in a decision that was cut, characters, and most blocks.
    private static let longestText = 512
    private static let mostBlocks = 32

    /// The same with fewer details: the largest needs, and the first nodes of each action.
    fileprivate func cut(to most: Int) -> Decision {
        var cut = self
        cut.needs = needs.prefix(most).map { need in
            Need(name: need.name, nodes: need.nodes, text: String(need.text.prefix(Self.longestText)))
        }
        cut.blocks = blocks.prefix(Self.mostBlocks).map { block in
            Block(code: block.code, text: String(block.text.prefix(Self.longestText)))
        }
        cut.blocks.append(
            Block(
                code: "record_cut",
                text: "too long to be kept: of \(needs.count) needs and the nodes of each action, \(most) are shown"))
        cut.actions = actions.map { action -> ScalingAction in
            switch action {
            case .scale: action
            case .drain(let nodes, let deadline): .drain(Array(nodes.prefix(most)), deadline: deadline)
            case .undrain(let nodes): .undrain(Array(nodes.prefix(most)))
            case .mark(let costs): .mark(Array(costs.prefix(most)))
            }
        }
        return cut
    }
}

/// What was learned of a tier, as it is kept: with the version of its shape, and a checksum, since a forecast that starts from
/// damaged figures would be wrong for days without anybody noticing.
struct LearnedDocument: Codable {
    static let currentVersion = 1

    var version = LearnedDocument.currentVersion
    /// FNV-1a, 64 bit, of `learned`.
    var checksum: UInt64
    /// JSON of `LearnedState`.
    var learned: String

    static func json(_ learned: LearnedState) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let inner = try? encoder.encode(learned) else { return nil }
        let text = String(decoding: inner, as: UTF8.self)
        guard let outer = try? encoder.encode(LearnedDocument(checksum: fnv1a(text.utf8), learned: text)) else {
            return nil
        }
        return String(decoding: outer, as: UTF8.self)
    }

    /// Why a stored document is not used.
    enum Failure: Error, CustomStringConvertible {
        case unreadable, otherVersion(Int), damaged

        var description: String {
            switch self {
            case .unreadable: "it cannot be read"
            case .otherVersion(let version): "it has version \(version), this release knows \(currentVersion)"
            case .damaged: "its checksum is wrong"
            }
        }
    }

    static func parse(_ json: String) throws(Failure) -> LearnedState {
        let decoder = JSONDecoder()
        guard let document = try? decoder.decode(LearnedDocument.self, from: Data(json.utf8)) else {
            throw .unreadable
        }
        guard document.version == currentVersion else { throw .otherVersion(document.version) }
        guard fnv1a(document.learned.utf8) == document.checksum else { throw .damaged }
        guard let learned = try? decoder.decode(LearnedState.self, from: Data(document.learned.utf8)), learned.isSound
        else {
            throw .unreadable
        }
        return learned
    }

    /// Fowler, Noll and Vo's hash, variant 1a: the offset basis and prime of 64 bits.
    static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
