/// Text of others, made safe to show: a stream's publisher, a player and a server choose much of what we print, and a
/// terminal obeys what it is sent.
package enum Escape {
    /// Printable ASCII as it is; everything else as `\u{1b}`. Also what makes the width of a text its length.
    package static func forTerminal(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if (0x20..<0x7F).contains(scalar.value) {
                shown.unicodeScalars.append(scalar)
            } else {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return shown
    }

    /// JSON text (whose own escapes cover what is below a space) with what else a terminal might obey or reorder by
    /// written as `\u009b`. It stays the same JSON value.
    package static func json(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x7F {
                shown.unicodeScalars.append(scalar)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    shown += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            }
        }
        return shown
    }
}
