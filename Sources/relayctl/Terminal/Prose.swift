/// Sentences below and above tables.
enum Prose {
    /// One paragraph: escaped, broken at blanks to fit `width` (nil = one line), painted.
    static func paragraph(
        _ text: String, width: Int?, colour: Table.Colour = .plain, hasColour: Bool
    ) -> String {
        lines(Escape.forTerminal(text), width: width).map { paint($0, colour, hasColour: hasColour) }.joined(
            separator: "\n")
    }

    /// Text that is safe to show, in a colour.
    static func paint(_ text: String, _ colour: Table.Colour, hasColour: Bool) -> String {
        hasColour && colour != .plain ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// `1 viewer`, `3 viewers`
    static func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }

    /// A word that is longer than a line is cut into lines.
    private static func lines(_ text: String, width: Int?) -> [String] {
        guard let width, width > 0 else { return [text] }
        var lines: [String] = []
        var line = ""
        var length = 0
        for word in text.split(separator: " ") {
            var word = word
            if length > 0, length + 1 + word.utf8.count > width {
                lines.append(line)
                line = ""
                length = 0
            }
            while word.utf8.count > width {
                lines.append(String(word.prefix(width)))
                word = word.dropFirst(width)
            }
            line += (length > 0 ? " " : "") + word
            length += (length > 0 ? 1 : 0) + word.utf8.count
        }
        if length > 0 || lines.isEmpty { lines.append(line) }
        return lines
    }
}
