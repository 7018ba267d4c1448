// SPDX-License-Identifier: MIT
#include "runtime/viewer/taps/frame_copier.hpp"

#include <vector>

#include "runtime/common/log.hpp"
#include "runtime/consumer/read_back.hpp"
#include "runtime/consumer/writers_semaphore.hpp"

namespace vdmabuf::viewer {
namespace {

// Frames that sinks may keep. At 60 Hz a sink may stand still for a tenth of a second.
constexpr std::size_t kMaxCopies = 6;

}  // namespace

// Outlives the copier while sinks have copies.
class FrameCopier::Pool : public std::enable_shared_from_this<Pool> {
  public:
    // Null: all are in use.
    Result<std::shared_ptr<FrameCopy>> take(const std::shared_ptr<gpu::Device>& device,
                                            std::uint64_t size) {
        std::unique_ptr<FrameCopy> copy;
        {
            const std::lock_guard lock(mutex_);
            if (!free_.empty()) {
                copy = std::move(free_.back());
                free_.pop_back();
            } else if (count_ < kMaxCopies) {
                copy = std::make_unique<FrameCopy>();
                ++count_;
            } else {
                return std::shared_ptr<FrameCopy>();
            }
        }
        std::shared_ptr<FrameCopy> shared(
            copy.release(),
            [self = shared_from_this()](FrameCopy* each) { self->give_back(each); });
        if (shared->buffer.size < size) {
            shared->buffer = {};
            auto buffer =
                gpu::make_host_buffer(device, size, VK_BUFFER_USAGE_TRANSFER_DST_BIT, true);
            if (!buffer) return buffer.error();
            shared->buffer = std::move(*buffer);
        }
        return shared;
    }

  private:
    void give_back(FrameCopy* copy) {
        const std::lock_guard lock(mutex_);
        free_.emplace_back(copy);
    }

    std::mutex mutex_;
    std::vector<std::unique_ptr<FrameCopy>> free_;
    std::size_t count_ = 0;
};

FrameCopier::FrameCopier(std::shared_ptr<gpu::Device> device,
                         std::shared_ptr<const StreamColours> colours, CopiedHandler copied)
    : device_(std::move(device)),
      colours_(std::move(colours)),
      copied_(std::move(copied)),
      pool_(std::make_shared<Pool>()),
      converter_(device_),
      thread_([this] { run(); }) {}

consumer::ImageLayout FrameCopier::layout_of_copy(const consumer::ImageLayout& frame) {
    return consumer::ColourConverter::wanted(frame)
               ? consumer::ColourConverter::read_back_layout(frame)
               : frame;
}

FrameCopier::~FrameCopier() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void FrameCopier::copy(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t time_ns) {
    const std::lock_guard lock(mutex_);
    next_ = Job{std::move(image), time_ns};
    changed_.notify_all();
}

void FrameCopier::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stop_ || next_; });
        if (!next_) break;  // the last frame is copied before the end
        std::optional<Job> job = std::move(next_);
        next_.reset();
        lock.unlock();
        auto copied = do_copy(*job);
        job.reset();
        if (!copied && !broken_) LOG_ERROR("cannot copy: %s", copied.error().text.c_str());
        broken_ = !copied;
        copied_(copied ? std::move(*copied) : nullptr);
        lock.lock();
    }
}

Result<std::shared_ptr<const FrameCopy>> FrameCopier::do_copy(const Job& job) {
    if (!commands_) {
        auto commands = gpu::Commands::create(device_);
        if (!commands) return commands.error();
        commands_.emplace(std::move(*commands));
    }
    const consumer::ImageLayout layout = layout_of_copy(job.image->layout());
    auto copy = pool_->take(device_, layout.row_bytes() * layout.height);
    if (!copy) return copy.error();
    if (!*copy) return std::shared_ptr<const FrameCopy>();
    (*copy)->layout = layout;
    (*copy)->time_ns = job.time_ns;
    const bool converts = consumer::ColourConverter::wanted(job.image->layout());
    if (converts) {
        auto ready =
            converter_.prepare(job.image->layout(), consumer::ColourConverter::Depth::eight);
        if (!ready) return ready.error();
    }
    auto writers = consumer::semaphore_of_writers(*device_, job.image->dmabuf());
    if (!writers) return writers.error();
    auto commands = commands_->begin();
    if (!commands) return commands.error();
    const VkBuffer to = (*copy)->buffer.buffer.get();
    if (converts) {
        converter_.record_read_back(*commands, *job.image, colours_->metadata(), to);
    } else {
        consumer::record_read_back(*commands, *job.image, to);
    }
    if (auto sent = commands_->submit({writers->get()}); !sent) return sent.error();
    if (auto waited = commands_->wait(); !waited) return waited.error();
    return std::shared_ptr<const FrameCopy>(std::move(*copy));
}

}  // namespace vdmabuf::viewer
