import ArgumentParser
import Foundation
import RelayCluster
import RelayScaling

/// Settings of a tier that differ from the shipped ones for one run, so that what a guard costs and saves can be told.
struct TrialSettings: Sendable {
    private var values: [(name: String, value: Double)] = []

    init() {}

    /// - Throws: ValidationError for a setting that is none, or no number.
    init(_ words: [String]) throws {
        let known = try Self.object(TierSettings(tier: .edge))
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let value = Double(parts[1]), value.isFinite, known[parts[0]] is NSNumber else {
                let numbers = known.filter { $0.value is NSNumber }.keys.sorted().joined(separator: ", ")
                throw ValidationError("\(word) is no NAME=NUMBER of: \(numbers)")
            }
            values.append((parts[0], value))
        }
        guard words.isEmpty || (try? changed(TierSettings(tier: .edge))) != nil else {
            throw ValidationError("\(words.joined(separator: " ")): a number of another kind was expected")
        }
    }

    func applied(to settings: TierSettings) -> TierSettings {
        values.isEmpty ? settings : (try? changed(settings)) ?? settings
    }

    private func changed(_ settings: TierSettings) throws -> TierSettings {
        var object = try Self.object(settings)
        for (name, value) in values { object[name] = value }
        return try JSONDecoder().decode(TierSettings.self, from: JSONSerialization.data(withJSONObject: object))
    }

    private static func object(_ settings: TierSettings) throws -> [String: Any] {
        let data = try JSONEncoder().encode(settings)
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}
