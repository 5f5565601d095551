/// “Did you mean”: the known name nearest to a mistyped one.
enum Suggestion {
    /// `; did you mean "x"?`, or nothing when no name is near.
    static func text(for name: String, among known: [String]) -> String {
        guard name.utf8.count <= 80 else { return "" }
        let folded = fold(name)
        let nearest = known.map { (name: $0, distance: distance(folded, fold($0))) }.min { $0.distance < $1.distance }
        guard let nearest, nearest.distance <= max(2, folded.count / 5) else { return "" }
        return "; did you mean \(nearest.name)?"
    }

    /// Lower-cased without separators, so that `chunk_size`, `chunk-size` and `chunkSize` are one.
    private static func fold(_ name: String) -> [UInt8] {
        name.lowercased().utf8.filter { ![UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains($0) }
    }

    /// Levenshtein distance.
    private static func distance(_ lhs: [UInt8], _ rhs: [UInt8]) -> Int {
        var row = Array(0...rhs.count)
        for (i, left) in lhs.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in rhs.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (left == right ? 0 : 1))
                diagonal = above
            }
        }
        return row[rhs.count]
    }
}
