// SPDX-License-Identifier: MIT
#include "runtime/viewer/pipewire/shared_images.hpp"

#include <fcntl.h>
#include <spa/buffer/buffer.h>
#include <unistd.h>

#include <algorithm>

namespace vdmabuf::viewer {

bool SharedImages::see(const std::shared_ptr<consumer::ImportedImage>& image) {
    const auto gone = std::erase_if(images_, [](const auto& each) { return each.expired(); });
    for (const auto& each : images_) {
        if (each.lock() == image) return gone != 0;
    }
    if (images_.size() >= kMost) images_.erase(images_.begin());
    images_.push_back(image);
    return true;
}

void SharedImages::add(pw_buffer* buffer) {
    Pooled pooled;
    pooled.buffer = buffer;
    std::shared_ptr<consumer::ImportedImage> image;
    for (const auto& each : images_) {
        const auto has = [&](const Pooled& other) { return other.image.lock() == each.lock(); };
        image = each.lock();
        if (image && std::none_of(pool_.begin(), pool_.end(), has)) {
            pooled.image = image;
            break;
        }
    }
    spa_data& data = buffer->buffer->datas[0];
    // One more than there are images is never sent, but has to be something.
    data.fd = image ? ::fcntl(image->dmabuf(), F_DUPFD_CLOEXEC, 0) : -1;
    data.type = SPA_DATA_DmaBuf;
    data.flags = SPA_DATA_FLAG_READABLE;
    data.mapoffset = 0;
    data.maxsize = 0;
    data.data = nullptr;
    if (image) {
        const consumer::ImageLayout& layout = image->layout();
        data.maxsize = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(layout.offset + layout.pitch * layout.height, UINT32_MAX));
    }
    pool_.push_back(std::move(pooled));
}

void SharedImages::remove(pw_buffer* buffer) {
    std::erase_if(pool_, [buffer](const Pooled& each) { return each.buffer == buffer; });
    spa_data& data = buffer->buffer->datas[0];
    if (data.fd >= 0) ::close(static_cast<int>(data.fd));
    data.fd = -1;
}

void SharedImages::came_back(pw_buffer* buffer) {
    for (Pooled& each : pool_) {
        if (each.buffer != buffer) continue;
        each.out = false;
        each.hold.reset();
    }
}

pw_buffer* SharedImages::give(const consumer::ImportedImage& image, std::shared_ptr<void> hold) {
    for (Pooled& each : pool_) {
        if (each.out || each.image.lock().get() != &image) continue;
        each.out = true;
        each.hold = std::move(hold);
        each.turn = ++turn_;
        let_oldest_go();
        return each.buffer;
    }
    return nullptr;
}

std::size_t SharedImages::out() const {
    return static_cast<std::size_t>(
        std::count_if(pool_.begin(), pool_.end(), [](const Pooled& each) { return each.out; }));
}

// The newest is the picture that stands; the app draws into another one.
void SharedImages::let_oldest_go() {
    std::size_t held = 0;
    Pooled* oldest = nullptr;
    for (Pooled& each : pool_) {
        if (!each.hold) continue;
        ++held;
        if (!oldest || each.turn < oldest->turn) oldest = &each;
    }
    if (held > std::max<std::size_t>(images_.size(), 2) - 1) oldest->hold.reset();
}

}  // namespace vdmabuf::viewer
