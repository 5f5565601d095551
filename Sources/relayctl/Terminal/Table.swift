/// Columns of text. Cells are escaped here, so a table cannot be broken by what is in it.
package struct Table {
    /// How a column behaves.
    package struct Column {
        let title: String
        var alignsRight = false
        /// May be cut with `…` when the terminal is too narrow; the widest such column is cut first.
        var shrinks = false

        /// - Parameter title: escaped here, for it may be a name that others chose.
        package init(_ title: String, alignsRight: Bool = false, shrinks: Bool = false) {
            self.title = Escape.forTerminal(title)
            self.alignsRight = alignsRight
            self.shrinks = shrinks
        }
    }

    /// Colour of a cell, where colours are used.
    package enum Colour: String {
        case plain = ""
        case good = "32"
        case warning = "33"
        case bad = "31"
    }

    private var columns: [Column]
    private var rows: [[(text: String, colour: Colour)]] = []

    package init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row; cells that are missing are empty, more than there are columns are left out.
    package mutating func add(_ cells: [String], colours: [Int: Colour] = [:]) {
        rows.append(
            columns.indices.map { index in
                (index < cells.count ? Escape.forTerminal(cells[index]) : "", colours[index] ?? .plain)
            })
    }

    /// What a column that shrinks keeps before others are taken away.
    static let narrowest = 12

    /// Takes columns away, in the order of these titles, until the rest fits a terminal of `width` columns without a
    /// column that shrinks having to be narrower than ``narrowest``.
    package mutating func leaveOut(_ titles: [String], toFit width: Int?) {
        guard let width else { return }
        for title in titles {
            let needed = columns.indices.map { index in
                let natural = max(columns[index].title.utf8.count, rows.map { $0[index].text.utf8.count }.max() ?? 0)
                return columns[index].shrinks ? min(natural, Self.narrowest) : natural
            }
            guard needed.reduce(0, +) + 2 * (columns.count - 1) > width else { return }
            guard let index = columns.firstIndex(where: { $0.title == title }) else { continue }
            columns.remove(at: index)
            for row in rows.indices { rows[row].remove(at: index) }
        }
    }

    /// The lines, headed by the titles. `width` is the terminal's; nil = do not cut.
    package func render(width: Int?, hasColour: Bool) -> String {
        let gap = 2
        var widths = columns.indices.map { index in
            max(columns[index].title.utf8.count, rows.map { $0[index].text.utf8.count }.max() ?? 0)
        }
        if let width {
            var excess = widths.reduce(0, +) + gap * (columns.count - 1) - width
            while excess > 0 {
                let candidates = columns.indices.filter { columns[$0].shrinks && widths[$0] > 6 }
                guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
                let next = candidates.filter { widths[$0] < widths[widest] }.map { widths[$0] }.max() ?? 6
                let step = min(excess, max(1, widths[widest] - next))
                widths[widest] -= step
                excess -= step
            }
        }
        var lines = [
            line(columns.map { ($0.title, Colour.plain) }, widths, gap, width, style: hasColour ? "1" : nil, hasColour)
        ]
        lines += rows.map { line($0, widths, gap, width, style: nil, hasColour) }
        return lines.joined(separator: "\n")
    }

    private func line(
        _ cells: [(text: String, colour: Colour)], _ widths: [Int], _ gap: Int, _ limit: Int?, style: String?,
        _ hasColour: Bool
    ) -> String {
        var line = ""
        var used = 0
        for (index, cell) in cells.enumerated() {
            if index > 0 {
                line += String(repeating: " ", count: gap)
                used += gap
            }
            // What no column could give up is cut at the edge: a wrapped line is worse than a short one.
            let room = limit.map { min(widths[index], $0 - used) } ?? widths[index]
            guard room > 0 else { break }
            let text = Self.cut(cell.text, room)
            let padding = String(repeating: " ", count: max(0, room - text.count))
            let colour = style ?? (hasColour && cell.colour != .plain ? cell.colour.rawValue : nil)
            let painted = colour.map { "\u{1B}[\($0)m\(text)\u{1B}[0m" } ?? text
            let isLast = index == cells.count - 1
            line += columns[index].alignsRight ? padding + painted : isLast ? painted : painted + padding
            used += room
        }
        while line.last == " " { line.removeLast() }
        return line
    }

    private static func cut(_ text: String, _ width: Int) -> String {
        text.utf8.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
    }
}
