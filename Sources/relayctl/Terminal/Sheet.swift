/// Labelled paragraphs: what a table would have to cut goes on in the next line, below where it began.
struct Sheet {
    /// Columns of the labels, the gap included.
    private static let indent = 10

    private var lines: [String] = []
    private let width: Int?
    private let hasColour: Bool

    init(width: Int?, hasColour: Bool) {
        self.width = width
        self.hasColour = hasColour
    }

    /// - Parameters:
    ///   - label: printable ASCII, shorter than the labels' columns; empty to go on with the label above.
    ///   - text: escaped here.
    mutating func add(_ label: String, _ text: String, colour: Table.Colour = .plain) {
        let room = width.map { max(1, $0 - Self.indent) }
        let text = Prose.paragraph(text, width: room, colour: colour, hasColour: hasColour)
        var head = label + String(repeating: " ", count: max(1, Self.indent - label.utf8.count))
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            // A terminal narrower than the labels still gets no line that it has to wrap.
            if let width, width <= Self.indent {
                lines.append(String(line.prefix(width)))
            } else {
                lines.append(head + line)
            }
            head = String(repeating: " ", count: Self.indent)
        }
    }

    var text: String { lines.joined(separator: "\n") }
}
