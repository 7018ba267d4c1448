// SPDX-License-Identifier: MIT
#include "runtime/viewer/record/recorder.hpp"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/viewer/record/video_file.hpp"

namespace vdmabuf::viewer {

struct Recorder::Plan {
    std::string path;
    CodecChoice codec;
};

// One file and the thread that encodes to it. The queue is as long as there are copies of frames.
class Recorder::Recording {
  public:
    Recording(std::string path, CodecChoice codec, std::string title, std::atomic<bool>& failed)
        : path_(std::move(path)),
          codec_(codec),
          title_(std::move(title)),
          failed_(failed),
          thread_([this] { run(); }) {}
    ~Recording() {
        end();
        thread_.join();
    }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    void take(std::shared_ptr<const FrameCopy> frame) {
        const std::lock_guard lock(mutex_);
        queue_.push_back(std::move(frame));
        changed_.notify_all();
    }
    void left_out() { ++left_out_; }
    // No frame comes any more.
    void end() {
        const std::lock_guard lock(mutex_);
        if (end_ns_ == 0) end_ns_ = now_ns();
        changed_.notify_all();
    }
    bool is_done() const { return done_; }
    bool is_broken() const { return broken_; }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return end_ns_ != 0 || !queue_.empty(); });
            if (queue_.empty()) break;
            const std::shared_ptr<const FrameCopy> frame = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            if (!broken_) note(write(*frame));
            lock.lock();
        }
        lock.unlock();
        finish();
        done_ = true;
    }
    Status write(const FrameCopy& frame) {
        if (!file_) {
            auto file =
                VideoFile::create(path_, codec_, title_, frame.layout.width, frame.layout.height);
            if (!file) return file.error();
            file_ = std::move(*file);
            LOG_INFO("recording '%s' to %s by %s", title_.c_str(), path_.c_str(),
                     codec_.codec->name);
        }
        return file_->write(frame);
    }
    void finish() {
        if (!file_) return;
        if (!broken_) note(file_->finish(end_ns_));
        LOG_INFO("recorded %llu frames to %s, left out %llu",
                 static_cast<unsigned long long>(file_->frames()), path_.c_str(),
                 static_cast<unsigned long long>(left_out_.load()));
        file_.reset();
    }
    void note(const Status& status) {
        if (status) return;
        LOG_ERROR("%s: %s", path_.c_str(), status.error().text.c_str());
        broken_ = true;
        failed_ = true;
    }

    const std::string path_;
    const CodecChoice codec_;
    const std::string title_;
    std::atomic<bool>& failed_;
    std::atomic<bool> broken_ = false;
    std::atomic<bool> done_ = false;
    std::atomic<std::uint64_t> left_out_ = 0;
    std::unique_ptr<VideoFile> file_;  // of the thread alone

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<const FrameCopy>> queue_;
    std::uint64_t end_ns_ = 0;
    std::thread thread_;  // last: started when all else is there
};

class Recorder::Sink final : public FrameSink {
  public:
    explicit Sink(std::shared_ptr<Recording> recording) : recording_(std::move(recording)) {}
    ~Sink() override { recording_->end(); }
    bool wants_frames() const override { return !recording_->is_broken(); }
    void take(std::shared_ptr<const FrameCopy> frame) override {
        recording_->take(std::move(frame));
    }
    void left_out() override { recording_->left_out(); }

  private:
    std::shared_ptr<Recording> recording_;
};

Recorder::Recorder(std::unique_ptr<Plan> plan) : plan_(std::move(plan)) {}

Recorder::~Recorder() = default;

void Recorder::finish() {
    recordings_.clear();
}

Result<std::unique_ptr<Recorder>> Recorder::create(const std::string& path,
                                                   const std::string& codec) {
    av_log_set_level(AV_LOG_ERROR);
    auto choice = choose_codec(path, codec);
    if (!choice) return choice.error();
    return std::unique_ptr<Recorder>(new Recorder(std::make_unique<Plan>(Plan{path, *choice})));
}

std::string Recorder::next_path() {
    if (++number_ == 1) return plan_->path;
    const std::filesystem::path whole(plan_->path);
    std::filesystem::path path;
    do {
        path = whole;
        path.replace_filename(whole.stem().string() + "-" + std::to_string(number_) +
                              whole.extension().string());
    } while (::access(path.c_str(), F_OK) == 0 && ++number_ < 10000);
    return path.string();
}

Result<std::unique_ptr<FrameSink>> Recorder::make(const OutputInfo& info) {
    recordings_.remove_if([](const auto& recording) { return recording->is_done(); });
    auto recording = std::make_shared<Recording>(next_path(), plan_->codec, info.title, failed_);
    recordings_.push_back(recording);
    return std::unique_ptr<FrameSink>(std::make_unique<Sink>(std::move(recording)));
}

}  // namespace vdmabuf::viewer
