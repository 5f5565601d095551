/// SVG text under construction: numbers are short, text of others is escaped, nothing is loaded from elsewhere.
struct SVG {
    private var body = ""
    private let width: Double
    private let height: Double
    private let title: String
    private let style: String

    /// - Parameters:
    ///   - title: told by screen readers; escaped here.
    ///   - style: CSS of our own.
    init(width: Double, height: Double, title: String, style: String) {
        self.width = width
        self.height = height
        self.title = title
        self.style = style
    }

    /// The whole document.
    var text: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(width)) \(Self.number(height))" \
        width="\(Self.number(width))" height="\(Self.number(height))" role="img" font-family="system-ui, 'Segoe UI', \
        Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif">
        <title>\(Self.escaped(title))</title>
        <style>\(style)</style>
        \(body)</svg>

        """
    }

    mutating func rectangle(_ style: String, x: Double, y: Double, width: Double, height: Double, radius: Double = 0) {
        let corner = radius > 0 ? " rx=\"\(Self.number(radius))\"" : ""
        body +=
            "<rect class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(max(0, width)))\""
            + " height=\"\(Self.number(max(0, height)))\"\(corner)/>\n"
    }

    mutating func line(_ style: String, _ fromX: Double, _ fromY: Double, _ toX: Double, _ toY: Double) {
        path(style, "M\(Self.number(fromX)) \(Self.number(fromY))L\(Self.number(toX)) \(Self.number(toY))")
    }

    /// - Parameter data: made of ``number(_:)``; nothing is drawn when it is empty.
    mutating func path(_ style: String, _ data: String) {
        guard !data.isEmpty else { return }
        body += "<path class=\"\(style)\" d=\"\(data)\"/>\n"
    }

    /// - Parameter text: escaped here.
    mutating func text(_ style: String, _ text: String, x: Double, y: Double) {
        body +=
            "<text class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\">\(Self.escaped(text))</text>\n"
    }

    /// A place in the picture to a tenth of a unit, without a zero that says nothing; 0 for what is no place.
    static func number(_ value: Double) -> String {
        let text = Units.fixed(value, 1)
        guard text != "-", value.magnitude < 1e6 else { return "0" }
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// XML 1.0 §2.2 and §2.4: markup as entities; what no document may hold, or what reorders text, as a question mark.
    static func escaped(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x26: shown += "&amp;"
            case 0x3C: shown += "&lt;"
            case 0x3E: shown += "&gt;"
            case 0x22: shown += "&quot;"
            case 0x00..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFFFE, 0xFFFF:
                shown += "?"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}
