/// One AMF0 value. AMF0 specification, section 2.
///
/// Long strings are ``string(_:)``, typed objects lose their class name. A `0x11` (AMF3 follows) marker is read over: what
/// clients put behind it on RTMP commands is AMF0.
package indirect enum AMF0Value: Sendable, Equatable {
    case number(Double)
    case boolean(Bool)
    case string(String)
    case object(AMF0Object)
    case null
    case undefined
    case ecmaArray(AMF0Object)
    case strictArray([AMF0Value])
    /// Milliseconds since 1970 and a time zone that must be ignored.
    case date(milliseconds: Double, timeZone: Int16)
    case unsupported
    case xmlDocument(String)

    /// The text of a string; nil for anything else.
    package var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number; also of a string that spells one, since some encoders quote numbers in metadata.
    package var numberValue: Double? {
        switch self {
        case .number(let value): value
        case .string(let text): Double(text)
        default: nil
        }
    }

    package var booleanValue: Bool? {
        switch self {
        case .boolean(let value): value
        case .number(let value): value != 0
        default: nil
        }
    }

    /// The properties of an object or of an ECMA array: clients use either where the other is meant.
    package var objectValue: AMF0Object? {
        switch self {
        case .object(let value), .ecmaArray(let value): value
        default: nil
        }
    }

    package var arrayValue: [AMF0Value]? {
        if case .strictArray(let values) = self { values } else { nil }
    }
}

/// The properties of an AMF0 object or ECMA array, in wire order.
package struct AMF0Object: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Property: Sendable, Equatable {
        package var key: String
        package var value: AMF0Value

        package init(key: String, value: AMF0Value) {
            self.key = key
            self.value = value
        }
    }

    package var properties: [Property]

    package init(_ properties: [Property] = []) { self.properties = properties }

    package init(dictionaryLiteral elements: (String, AMF0Value)...) {
        properties = elements.map { Property(key: $0.0, value: $0.1) }
    }

    /// The first value under a key; setting appends or replaces it.
    package subscript(key: String) -> AMF0Value? {
        get { properties.first { $0.key == key }?.value }
        set {
            let index = properties.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): properties[index].value = value
            case (let index?, nil): properties.remove(at: index)
            case (nil, let value?): properties.append(Property(key: key, value: value))
            case (nil, nil): break
            }
        }
    }
}

/// Why AMF0 could not be read.
package enum AMF0Error: Error, Hashable, Sendable, CustomStringConvertible {
    case truncated
    case tooDeep
    case tooManyValues
    case stringTooLong
    case keyTooLong
    case unknownMarker(UInt8)
    case misplacedObjectEnd
    case notACommand

    package var description: String {
        switch self {
        case .truncated: "the value is cut off"
        case .tooDeep: "objects are nested too deeply"
        case .tooManyValues: "there are too many values"
        case .stringTooLong: "a string is too long"
        case .keyTooLong: "a property name is too long"
        case .unknownMarker(let marker): "marker \(marker) is unknown"
        case .misplacedObjectEnd: "an object end marker has a name"
        case .notACommand: "a command does not start with its name"
        }
    }
}
