import Foundation
import Testing

/// Files that hold what users type, scrape or read. A test fails when the program and its file disagree; with
/// `UPDATE_GOLDEN=1` in the environment the file is written anew instead, and the change is seen in review.
enum Golden {
    /// Compares `text` with `Golden/name`.
    static func expect(_ text: String, matches name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let file = folder.appending(path: name)
        if isUpdating {
            try Data(text.utf8).write(to: file)
            return
        }
        let golden = try #require(
            try? String(contentsOf: file, encoding: .utf8), "\(name) is missing; make it with UPDATE_GOLDEN=1",
            sourceLocation: sourceLocation)
        expect(text, equals: golden, name: name, sourceLocation: sourceLocation)
    }

    /// Compares `text` with what stands between two marker lines of a file of the repository.
    static func expect(
        _ text: String, matchesPart part: String, of path: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let file = root.appending(path: path)
        let whole = try #require(
            try? String(contentsOf: file, encoding: .utf8), "\(path) is missing", sourceLocation: sourceLocation)
        let begin = "<!-- \(part):begin -->\n"
        let end = "<!-- \(part):end -->"
        let start = try #require(whole.range(of: begin), "\(path) has no line \(begin)", sourceLocation: sourceLocation)
        let stop = try #require(
            whole.range(of: end, range: start.upperBound..<whole.endIndex), "\(path) has no line \(end)",
            sourceLocation: sourceLocation)
        if isUpdating {
            try Data((whole[..<start.upperBound] + text + whole[stop.lowerBound...]).utf8).write(to: file)
            return
        }
        expect(
            text, equals: String(whole[start.upperBound..<stop.lowerBound]), name: path, sourceLocation: sourceLocation)
    }

    /// Tells the first line that differs, which a comparison of whole files would bury.
    private static func expect(_ text: String, equals golden: String, name: String, sourceLocation: SourceLocation) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let expected = golden.split(separator: "\n", omittingEmptySubsequences: false)
        let index = zip(lines, expected).enumerated().first { $1.0 != $1.1 }?.offset ?? min(lines.count, expected.count)
        guard text != golden else { return }
        Issue.record(
            """
            \(name), line \(index + 1):
              the file:    \(index < expected.count ? String(expected[index]) : "(ends)")
              the program: \(index < lines.count ? String(lines[index]) : "(ends)")
            If the change is meant, run the tests once with UPDATE_GOLDEN=1.
            """, sourceLocation: sourceLocation)
    }

    private static let isUpdating = ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1"
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
