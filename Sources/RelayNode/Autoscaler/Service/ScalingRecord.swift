import Foundation
import RelayScaling

/// What the registry's store holds of a decision: the decision, and who made it how.
struct ScalingRecord: Codable {
    var leader: String
    var driver: String
    var decision: Decision

    var json: String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// nil when it is not one, or of another version.
    static func parse(_ json: String) -> ScalingRecord? {
        try? JSONDecoder().decode(ScalingRecord.self, from: Data(json.utf8))
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
        guard let learned = try? decoder.decode(LearnedState.self, from: Data(document.learned.utf8)) else {
            throw .unreadable
        }
        return learned
    }

    /// Fowler, Noll and Vo's hash, variant 1a: the offset basis and prime of 64 bits.
    private static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
