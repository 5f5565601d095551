// SwiftPM builds no C target without a source file; all of this one is in its header.
#include "CCurl.h"
