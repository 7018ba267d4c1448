// SPDX-License-Identifier: MIT
#pragma once

namespace vdmabuf::window {

// The functions of a library that an app has and the layer does not link: looked up at first use by
// `load`, null when the library or one of them is missing. Trivially destructible, so that it can
// be used while the process exits.
template <typename Library, bool (*load)(Library&)>
const Library* loaded_once() {
    static const struct Loaded {
        Library library;
        bool complete;
        Loaded() : complete(load(library)) {}
    } loaded;
    return loaded.complete ? &loaded.library : nullptr;
}

}  // namespace vdmabuf::window
