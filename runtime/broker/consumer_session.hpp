// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "runtime/broker/raw_consumer.hpp"
#include "runtime/broker/router.hpp"
#include "runtime/broker/socket_channel.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/rate.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::broker {

// One consumer: the consumer protocol's state, and the images whose pages it may still read.
class ConsumerSession {
  public:
    // How long a consumer may keep the images of a stream that has ended.
    static constexpr std::uint64_t kRemovedImagesNs = 2'000'000'000;
    // INPUTs: more than any device makes, less than keeps a guest busy.
    static constexpr std::uint64_t kInputsInARow = 4096;
    static constexpr std::uint64_t kInputsPerSecond = 2000;

    // `index` is the consumer's among those of the router. `ended` is called once, when the
    // consumer is gone, and may destroy the session.
    static Result<std::unique_ptr<ConsumerSession>> create(Router& router, unsigned index,
                                                           UniqueFd socket,
                                                           std::function<void()> ended);
    ~ConsumerSession();
    ConsumerSession(const ConsumerSession&) = delete;
    ConsumerSession& operator=(const ConsumerSession&) = delete;

    void send(std::span<const std::byte> message);
    // Says why, then ends the session.
    void refuse(stream::ErrorCode code, std::uint32_t request, const std::string& text);

    // ---- of the router
    void stream_added(Stream& stream);
    void stream_removed(Stream& stream);
    void title_changed(Stream& stream);
    void hdr_changed(Stream& stream);
    void extent_changed(Stream& stream);
    void cursor_changed(Stream& stream, std::uint32_t flags);
    void cursor_part(const cursor::PartToConsumer& part);
    void clipboard_part(const clipboard::PartToConsumer& part);
    void image_added(Stream& stream, const std::shared_ptr<Image>& image);
    void image_gone(Stream& stream, std::uint64_t image);

  private:
    struct HeldImage {
        std::shared_ptr<Image> image;
        consumer::MemoryKind memory = consumer::MemoryKind::none;  // as it has it
        bool gone = false;  // IMAGE_GONE or STREAM_REMOVED was sent: IMAGE_DONE is awaited
    };
    struct Attachment {
        std::unordered_map<std::uint64_t, HeldImage> images;
        std::uint64_t copied_bytes = 0;  // of the last STATISTICS
        bool removed = false;
    };

    ConsumerSession(Router& router, unsigned index);
    void message(std::span<const std::byte> bytes);
    void on_hello(std::span<const std::byte> bytes);
    void on(const consumer::Attach& message);
    void on(const consumer::Detach& message);
    void on(const consumer::Release& message);
    void on(const consumer::Presented& message);
    void on(const consumer::Configure& message);
    void on(const consumer::CloseStream& message);
    void on(const consumer::Imported& message);
    void on(const consumer::ImageDone& message);
    void on(const consumer::Statistics& message);
    void on(const consumer::Query& message);
    void on(const consumer::Formats& message);
    void on(const consumer::ImageAgain& message);
    void on(const consumer::ShownColourSpaces& message);
    void on(const consumer::StreamColourShown& message);
    void on_input(std::span<const std::byte> bytes);
    void on_clipboard(std::span<const std::byte> bytes);
    template <typename Message>
    void handle(std::span<const std::byte> bytes);

    // The stream of a message; nullptr when it has gone in the meantime, or, with a protocol error,
    // when it never was.
    Stream* stream_of(std::uint64_t id, consumer::Type request);
    bool takes_dmabufs() const { return features_ & consumer::kFeatureDmabuf; }
    bool give_image(Stream& stream, Attachment& attachment, const std::shared_ptr<Image>& image,
                    bool as_dmabuf);
    // Empty: the consumer knows what the image's pixels mean. Else why it does not get them.
    std::string colours_unknown(const Image& image) const;
    void drop_attachment(Stream& stream);
    void send_hdr(const Stream& stream);
    void send_error(stream::ErrorCode code, std::uint32_t request, const std::string& text);

    Router& router_;
    const unsigned index_;
    std::unique_ptr<SocketChannel> channel_;
    std::string name_;
    std::uint32_t features_ = 0;
    bool greeted_ = false;
    bool refused_ = false;
    std::unordered_map<std::uint64_t, Attachment> attachments_;  // by stream
    std::shared_ptr<ConsumerSession*> self_;                     // for timers
    RawConsumer raw_;
    Rate input_rate_{kInputsInARow, kInputsPerSecond};
};

}  // namespace vdmabuf::broker
