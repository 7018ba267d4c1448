// SPDX-License-Identifier: MIT
#include "egl/read_back.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "egl/real_vendor.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

// Of gl.h, gl2.h and gl3.h, which do not go together in one file.
using Enum = unsigned;
constexpr Enum kRgb = 0x1907;
constexpr Enum kRgba = 0x1908;
constexpr Enum kBgra = 0x80E1;
constexpr Enum kUnsignedByte = 0x1401;
constexpr Enum kUnsignedShort565 = 0x8363;
constexpr Enum kUnsignedInt2101010Rev = 0x8368;
constexpr Enum kVersion = 0x1F02;
constexpr Enum kExtensions = 0x1F03;
constexpr Enum kExtensionCount = 0x821D;
constexpr Enum kTexture2d = 0x0DE1;
constexpr Enum kTexture2dBinding = 0x8069;
constexpr Enum kBack = 0x0405;
constexpr Enum kReadBufferName = 0x0C02;
constexpr Enum kFramebuffer = 0x8D40;
constexpr Enum kReadFramebuffer = 0x8CA8;
constexpr Enum kFramebufferBinding = 0x8CA6;
constexpr Enum kReadFramebufferBinding = 0x8CAA;
constexpr Enum kPixelPackBuffer = 0x88EB;
constexpr Enum kPixelPackBufferBinding = 0x88ED;
constexpr Enum kPackSwapBytes = 0x0D00;
constexpr Enum kPackLsbFirst = 0x0D01;
constexpr Enum kPackRowLength = 0x0D02;
constexpr Enum kPackSkipRows = 0x0D03;
constexpr Enum kPackSkipPixels = 0x0D04;
constexpr Enum kPackAlignment = 0x0D05;
constexpr Enum kColourReadType = 0x8B9A;
constexpr Enum kColourReadFormat = 0x8B9B;
constexpr Enum kFramebufferSrgb = 0x8DB9;
constexpr Enum kContextProfileMask = 0x9126;
constexpr int kCompatibilityProfile = 2;
constexpr Enum kPixelModeBit = 0x20;
constexpr Enum kMapColour = 0x0D10;
// GL_RED_SCALE, GL_RED_BIAS, GL_GREEN_..., GL_BLUE_..., GL_ALPHA_...
constexpr Enum kScales[] = {0x0D14, 0x0D18, 0x0D1A, 0x0D1C};

struct Choice {
    Enum format;
    Enum type;
    std::uint32_t fourcc;
    std::uint32_t bytes_per_pixel;
};
// Framebuffers' own orders: reading in them is a copy of bytes.
constexpr Choice kChoices[] = {
    {kBgra, kUnsignedByte, fourcc_of("XR24"), 4},
    {kRgba, kUnsignedByte, fourcc_of("XB24"), 4},
    {kRgba, kUnsignedInt2101010Rev, fourcc_of("XB30"), 4},
    {kBgra, kUnsignedInt2101010Rev, fourcc_of("XR30"), 4},
    {kRgb, kUnsignedShort565, fourcc_of("RG16"), 2},
};
// What every context can read (OpenGL ES 2.0, 4.3.1).
constexpr const Choice& kAlways = kChoices[1];

struct Parameter {
    Enum name;
    int wanted;
    bool desktop;  // not in OpenGL ES
};
constexpr Parameter kParameters[] = {
    {kPackAlignment, 4, false},  {kPackRowLength, 0, false}, {kPackSkipRows, 0, false},
    {kPackSkipPixels, 0, false}, {kPackSwapBytes, 0, true},  {kPackLsbFirst, 0, true},
};

}  // namespace

#define VDMABUF_GL_FUNCTIONS(X)                \
    X(GetIntegerv, void, (Enum, int*))         \
    X(GetString, const unsigned char*, (Enum)) \
    X(GetError, Enum, ())                      \
    X(PixelStorei, void, (Enum, int))          \
    X(ReadPixels, void, (int, int, int, int, Enum, Enum, void*))

// Missing in some contexts.
#define VDMABUF_GL_OPTIONAL_FUNCTIONS(X)                                  \
    X(BindFramebuffer, void, (Enum, unsigned))                            \
    X(BindBuffer, void, (Enum, unsigned))                                 \
    X(ReadBuffer, void, (Enum))                                           \
    X(IsEnabled, unsigned char, (Enum))                                   \
    X(GetStringi, const unsigned char*, (Enum, unsigned))                 \
    X(GenTextures, void, (int, unsigned*))                                \
    X(DeleteTextures, void, (int, const unsigned*))                       \
    X(BindTexture, void, (Enum, unsigned))                                \
    X(EGLImageTargetTexture2DOES, void, (Enum, void*))                    \
    X(CopyTexSubImage2D, void, (Enum, int, int, int, int, int, int, int)) \
    X(PushAttrib, void, (Enum))                                           \
    X(PopAttrib, void, ())                                                \
    X(PixelTransferi, void, (Enum, int))

struct GlFunctions {
#define X(name, result, arguments) result(*name) arguments = nullptr;
    VDMABUF_GL_FUNCTIONS(X)
    VDMABUF_GL_OPTIONAL_FUNCTIONS(X)
#undef X
    bool complete = true;

    GlFunctions() {
#define X(name, result, arguments)                           \
    name = real().function<result(*) arguments>("gl" #name); \
    complete = complete && name;
        VDMABUF_GL_FUNCTIONS(X)
#undef X
#define X(name, result, arguments) name = real().function<result(*) arguments>("gl" #name);
        VDMABUF_GL_OPTIONAL_FUNCTIONS(X)
#undef X
    }
    int get(Enum name) const {
        int value = 0;
        GetIntegerv(name, &value);
        return value;
    }
};

namespace {

// While it lives, framebuffer 0 is the one that is read, and its back buffer.
class WindowIsRead {
  public:
    WindowIsRead(const GlFunctions& gl, ReadBack::Binding binding, bool read_buffer)
        : gl_(gl), target_(binding == ReadBack::Binding::read ? kReadFramebuffer : kFramebuffer) {
        if (binding != ReadBack::Binding::none && gl.BindFramebuffer) {
            framebuffer_ = gl.get(binding == ReadBack::Binding::read ? kReadFramebufferBinding
                                                                     : kFramebufferBinding);
            if (framebuffer_ != 0) gl.BindFramebuffer(target_, 0);
        }
        if (read_buffer) {
            read_buffer_ = gl.get(kReadBufferName);
            if (read_buffer_ != static_cast<int>(kBack)) gl.ReadBuffer(kBack);
        }
    }
    ~WindowIsRead() {
        if (read_buffer_ >= 0 && read_buffer_ != static_cast<int>(kBack)) {
            gl_.ReadBuffer(static_cast<Enum>(read_buffer_));
        }
        if (framebuffer_ != 0) gl_.BindFramebuffer(target_, static_cast<unsigned>(framebuffer_));
    }
    WindowIsRead(const WindowIsRead&) = delete;
    WindowIsRead& operator=(const WindowIsRead&) = delete;

  private:
    const GlFunctions& gl_;
    const Enum target_;
    int framebuffer_ = 0;
    int read_buffer_ = -1;  // -1: there is no such state
};

}  // namespace

bool ReadBack::prepare() {
    static const GlFunctions functions;
    gl_ = &functions;
    if (!functions.complete) return false;
    const auto* version = reinterpret_cast<const char*>(functions.GetString(kVersion));
    if (!version) return false;
    int major = 0;
    int minor = 0;
    desktop_ = !std::string_view(version).starts_with("OpenGL ES");
    const char* number = version;
    while (*number && (*number < '0' || *number > '9')) ++number;
    if (std::sscanf(number, "%d.%d", &major, &minor) != 2) return false;
    const bool three = major >= 3;
    const auto has = [&](const char* extension) {
        if (three && functions.GetStringi) {  // core profiles have no list
            for (int i = functions.get(kExtensionCount) - 1; i >= 0; --i) {
                const auto* name = reinterpret_cast<const char*>(
                    functions.GetStringi(kExtensions, static_cast<unsigned>(i)));
                if (name && std::strcmp(name, extension) == 0) return true;
            }
            return false;
        }
        const auto* list = reinterpret_cast<const char*>(functions.GetString(kExtensions));
        return list && std::strstr(list, extension);
    };
    binding_ = three                                     ? Binding::read
               : functions.BindFramebuffer && major >= 2 ? Binding::both
                                                         : Binding::none;
    read_buffer_ = (three || desktop_) && functions.ReadBuffer;
    pack_buffer_ = (three || (desktop_ && major == 2 && minor >= 1)) && functions.BindBuffer;
    pack_skips_ = three || desktop_ || has("GL_NV_pack_subimage");
    images_ = functions.GenTextures && functions.DeleteTextures && functions.BindTexture &&
              functions.EGLImageTargetTexture2DOES && functions.CopyTexSubImage2D &&
              has("GL_OES_EGL_image");
    srgb_switch_ = functions.IsEnabled && !desktop_ && has("GL_EXT_sRGB_write_control");
    pixel_transfer_ = desktop_ && functions.PushAttrib && functions.PopAttrib &&
                      functions.PixelTransferi &&
                      (!three || (major == 3 && minor < 1) ||
                       ((major > 3 || minor >= 2) &&
                        (functions.get(kContextProfileMask) & kCompatibilityProfile) != 0));

    // The framebuffer's own order, as GL says it.
    Enum format = 0;
    Enum type = 0;
    {
        const WindowIsRead window(functions, binding_, read_buffer_);
        format = static_cast<Enum>(functions.get(kColourReadFormat));
        type = static_cast<Enum>(functions.get(kColourReadType));
    }
    const Choice* choice = &kAlways;
    for (const Choice& known : kChoices) {
        if (known.format == format && known.type == type) choice = &known;
    }
    format_ = choice->format;
    type_ = choice->type;
    layout_ = {choice->fourcc, choice->bytes_per_pixel, pack_skips_};
    known_ = true;
    LOG_DEBUG("EGL: frames of %s are read as %s (GL says 0x%x, 0x%x)", version,
              fourcc_name(layout_.fourcc).c_str(), format, type);
    return true;
}

bool ReadBack::encodes_srgb() const {
    // In OpenGL, Mesa's framebuffer encodes by itself when it is told to, whatever its surface is.
    if (desktop_) return false;
    return !srgb_switch_ || gl_->IsEnabled(kFramebufferSrgb) != 0;
}

// As a copy into a texture, which no state of the app has a part in but the binding, and which a
// context of OpenGL ES 2 can do. The texture is made each time: it would belong to a context that
// may not be current any more when it is not needed.
void ReadBack::copy_rows(window::Extent extent, const Rows& rows, EGLImageKHR image) const {
    const GlFunctions& gl = *gl_;
    const WindowIsRead window(gl, binding_, read_buffer_);
    const auto bound = static_cast<unsigned>(gl.get(kTexture2dBinding));
    unsigned texture = 0;
    gl.GenTextures(1, &texture);
    gl.BindTexture(kTexture2d, texture);
    gl.EGLImageTargetTexture2DOES(kTexture2d, image);
    const auto y = static_cast<int>(rows.first);
    gl.CopyTexSubImage2D(kTexture2d, 0, 0, y, 0, y, static_cast<int>(extent.width),
                         static_cast<int>(rows.count));
    gl.BindTexture(kTexture2d, bound);
    gl.DeleteTextures(1, &texture);
}

void ReadBack::read(window::Extent extent, const FramePages::Page& page) const {
    const GlFunctions& gl = *gl_;
    const WindowIsRead window(gl, binding_, read_buffer_);
    const int pack_buffer = pack_buffer_ ? gl.get(kPixelPackBufferBinding) : 0;
    if (pack_buffer != 0) gl.BindBuffer(kPixelPackBuffer, 0);
    std::array<int, std::size(kParameters)> before{};
    const auto exists = [&](const Parameter& parameter) {
        return parameter.desktop ? desktop_ : pack_skips_ || parameter.name == kPackAlignment;
    };
    const auto wanted = [&](const Parameter& parameter) {
        return parameter.name == kPackRowLength
                   ? static_cast<int>(page.pitch / layout_.bytes_per_pixel)
                   : parameter.wanted;
    };
    for (std::size_t i = 0; i < before.size(); ++i) {
        const Parameter& parameter = kParameters[i];
        if (!exists(parameter)) continue;
        before[i] = gl.get(parameter.name);
        if (before[i] != wanted(parameter)) gl.PixelStorei(parameter.name, wanted(parameter));
    }
    if (pixel_transfer_) {
        gl.PushAttrib(kPixelModeBit);
        gl.PixelTransferi(kMapColour, 0);
        for (const Enum scale : kScales) {
            gl.PixelTransferi(scale, 1);
            gl.PixelTransferi(scale + 1, 0);
        }
    }

    gl.ReadPixels(0, static_cast<int>(page.rows.first), static_cast<int>(extent.width),
                  static_cast<int>(page.rows.count), format_, type_,
                  page.pixels + page.pitch * page.rows.first);

    if (pixel_transfer_) gl.PopAttrib();
    for (std::size_t i = 0; i < before.size(); ++i) {
        const Parameter& parameter = kParameters[i];
        if (exists(parameter) && before[i] != wanted(parameter)) {
            gl.PixelStorei(parameter.name, before[i]);
        }
    }
    if (pack_buffer != 0) gl.BindBuffer(kPixelPackBuffer, static_cast<unsigned>(pack_buffer));
}

}  // namespace vdmabuf::egl
