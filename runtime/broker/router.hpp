// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/broker/broker.hpp"
#include "runtime/broker/colour_negotiation.hpp"
#include "runtime/broker/format_list.hpp"
#include "runtime/broker/held_buffers.hpp"
#include "runtime/broker/input_focus.hpp"
#include "runtime/broker/memory_export.hpp"
#include "runtime/broker/raw_buffers.hpp"
#include "runtime/broker/stream.hpp"
#include "runtime/broker/wake_timer.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::broker {

class ConsumerSession;

// What lies between producers and consumers: all streams, all consumers by index, numbers that are
// never used twice, and the one timer. Streams and consumers are added and removed only between the
// calls of a pacer, never from within one.
class Router {
  public:
    static Result<std::unique_ptr<Router>> create(EventLoop& loop, bool share_vm_memory,
                                                  clipboard::Policy clipboard);
    ~Router();

    EventLoop& loop() { return loop_; }
    RawBuffers& raw_buffers() { return raw_buffers_; }
    clipboard::Policy clipboard() const { return clipboard_; }
    // What WELCOME says, on both sides.
    std::uint32_t features() const;

    // ---- producers
    void add_producer(ProducerLink& producer) { producers_.push_back(&producer); }
    void remove_producer(ProducerLink& producer) { std::erase(producers_, &producer); }
    std::shared_ptr<Buffer> make_buffer() { return held_buffers_.make(); }
    // What a producer may render now. Of a VM's pages only a udmabuf can bring more than LINEAR.
    const FormatList& formats(bool from_vm) {
        return from_vm && !exporter_.makes_dmabufs() ? formats_.linear() : formats_.list();
    }
    stream::ColourSpaces colour_spaces() const { return colours_.spaces(); }
    Stream& add_stream(ProducerLink& producer, std::uint32_t number, Stream::Info info);
    void remove_stream(Stream& stream);
    void set_input_port(const std::string& vm, InputPort* port);
    void tell_title(Stream& stream);
    void tell_hdr(Stream& stream);
    void tell_extent(Stream& stream);
    void tell_cursor(Stream& stream, unsigned consumer, std::uint32_t flags);
    void tell_cursor(unsigned consumer, const cursor::PartToConsumer& part);
    void tell_clipboard(unsigned consumer, const clipboard::PartToConsumer& part);
    // Gives the image its number and shows it to the consumers that are attached.
    void add_image(Stream& stream, const std::shared_ptr<Image>& image);
    void remove_image(Stream& stream, std::uint32_t slot);

    // ---- consumers
    // Lowest free index, or FramePacer::kMaxConsumers when there is none below `limit`.
    unsigned free_index(unsigned limit) const;
    void add_consumer(unsigned index, ConsumerSession& session);
    void remove_consumer(unsigned index);
    void consumer_imports(unsigned index, std::span<const stream::FormatModifier> formats);
    void consumer_shows(unsigned index, stream::ColourSpaces spaces);
    void consumer_attaches(unsigned index);
    // Whether the consumer knows what such pixels mean.
    bool shows(unsigned index, std::uint32_t colour_space) const {
        return colours_.of(index) >> colour_space & 1;
    }
    // nullptr when there is none of this number.
    Stream* find(std::uint64_t id);
    // Whether a stream of this number has ever been.
    bool was(std::uint64_t id) const { return id != 0 && id < next_stream_; }
    const std::map<std::uint64_t, std::unique_ptr<Stream>>& streams() const { return streams_; }
    Result<ExportedMemory> export_image(Image& image, bool as_dmabuf);
    Result<ExportedMemory> export_buffer(Buffer& buffer, bool as_dmabuf);
    void send_to(unsigned consumer, std::span<const std::byte> message);

    // To be called after every call of a stream that may have changed its deadline.
    void schedule(Stream& stream);

  private:
    // Changes of the list are collected for so long: consumers come and go in groups.
    static constexpr std::uint64_t kFormatsNs = 20'000'000;

    Router(EventLoop& loop, bool share_vm_memory, clipboard::Policy clipboard)
        : loop_(loop), exporter_(share_vm_memory), held_buffers_(loop), clipboard_(clipboard) {}
    void on_wake();
    void formats_changed();

    EventLoop& loop_;
    MemoryExporter exporter_;
    HeldBuffers held_buffers_;
    const clipboard::Policy clipboard_;
    RawBuffers raw_buffers_{
        [this](Buffer& buffer, bool as_dmabuf) { return export_buffer(buffer, as_dmabuf); }};
    std::unique_ptr<WakeTimer> timer_;
    std::map<std::uint64_t, std::unique_ptr<Stream>> streams_;
    std::vector<Stream*> scheduled_;  // those with a deadline; its capacity is one for each stream
    std::array<ConsumerSession*, FramePacer::kMaxConsumers> consumers_{};
    std::vector<ProducerLink*> producers_;
    FormatNegotiation formats_;
    ColourNegotiation colours_;
    EventLoop::TimerId formats_timer_ = 0;
    std::map<std::string, InputFocus> input_;  // of VMs that have input devices
    std::uint64_t next_stream_ = 1;
    std::uint64_t next_image_ = 1;
};

}  // namespace vdmabuf::broker
