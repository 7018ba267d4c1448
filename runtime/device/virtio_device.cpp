// SPDX-License-Identifier: MIT
#include "runtime/device/virtio_device.hpp"

#include <sys/random.h>

#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::device {
namespace {

// Commands in one go; then the other VMs and the local sockets have their turn.
constexpr int kCommandBudget = 128;

std::uint64_t random_number() {
    std::uint64_t value = 0;
    // Up to 256 bytes never come in part once the pool is ready (getrandom(2)).
    [[maybe_unused]] const ssize_t got = ::getrandom(&value, sizeof value, 0);
    return value;
}

}  // namespace

// A channel as the broker sees it.
class VirtioDevice::Channel final : public broker::ProducerPort {
  public:
    Channel(VirtioDevice& device, std::uint32_t its_number, std::uint64_t its_serial)
        : number(its_number), serial(its_serial), device_(device) {}

    bool send(std::span<const std::byte> message) override { return device_.send(*this, message); }
    void close(broker::CloseReason reason) override { device_.close(*this, reason); }

    const std::uint32_t number;
    const std::uint64_t serial;  // tells channels of the same number apart
    // Set by close(): no message passes any more in either direction.
    std::optional<broker::CloseReason> closing;
    // The broker knows of its end; it keeps its number until the guest does.
    bool ended = false;

  private:
    VirtioDevice& device_;
};

template <typename Work>
void VirtioDevice::later(Work work) {
    loop_.post([anchor = anchor_, work = std::move(work)] {
        if (*anchor) work(**anchor);
    });
}

VirtioDevice::VirtioDevice(EventLoop& loop, std::string vm, const Limits& limits,
                           broker::PortHandler& handler)
    : loop_(loop),
      vm_(std::move(vm)),
      limits_(limits),
      handler_(handler),
      command_(loop),
      event_(loop),
      buffers_(limits) {
    buffers_.released = [this](std::uint32_t channel, const stream::BufferId& id,
                               std::uint64_t token) {
        events_.buffer_released(channel, id, token);
        // Not from within whatever let go of the buffer.
        later([](VirtioDevice& device) { device.deliver_events(); });
    };
    events_.released_delivered = [this](std::uint64_t token) { buffers_.forget(token); };
    events_.closed_delivered = [this](std::uint32_t channel) { channels_.erase(channel); };
    // One interrupt for all that a round brings: a frame that was shown is two messages, PRESENTED
    // for it and RELEASE for the one before.
    round_end_ = loop_.add_round_end([this] {
        if (std::exchange(events_delivered_, false)) event_.interrupt();
    });
}

VirtioDevice::~VirtioDevice() {
    loop_.remove_round_end(round_end_);
    reset();
    command_.stop();
    event_.stop();
    *anchor_ = nullptr;
}

Status VirtioDevice::apply(const VmState& state) {
    const RingState& command = state.rings[VIRTIO_VDMABUF_VQ_COMMAND];
    const RingState& event = state.rings[VIRTIO_VDMABUF_VQ_EVENT];

    // A stopped command queue is a reset (also when the VM is only paused: pages that are shown
    // after the driver has freed them would be somebody else's).
    const bool goes_on = command.active() && command_.state.active() &&
                         command.same_place(command_.state) && !state.resumed;
    if (!goes_on) {
        reset();
        broken_ = false;
    }
    // Whatever changed: kick and call descriptors are new, and the memory may be.
    command_.stop();
    event_.stop();
    if (!state.active()) {
        memory_.reset();
        return {};
    }
    if (!memory_ || !memory_->same_as(state.regions)) {
        memory_.reset();
        auto memory = GuestMemory::create(state.regions);
        if (!memory) {
            reset();
            return Error{memory.error().code, "VM '" + vm_ + "': " + memory.error().text};
        }
        memory_ = std::move(*memory);
    }
    for (const Kind kind : {Kind::command, Kind::event}) {
        const bool is_command = kind == Kind::command;
        const RingState& ring = is_command ? command : event;
        if (!ring.active()) continue;
        if (auto started = start(is_command ? command_ : event_, kind, ring); !started) {
            reset();
            command_.stop();
            event_.stop();
            return Error{started.error().code, "VM '" + vm_ + "': " + started.error().text};
        }
    }
    if (broken_) {  // goes on as it was: only a reset of the device helps
        command_.stop();
        event_.stop();
        command_.state = command;  // for `goes_on`
        return {};
    }
    if (!goes_on && command_.ring && (state.resumed || command_.ring->used_index() != 0)) {
        LOG_INFO("VM '%s': its driver announces everything anew", vm_.c_str());
        events_.resync(random_number());
        begin_grace();
    }
    // A kick or an interrupt may have been lost with the process that served before.
    later([](VirtioDevice& device) {
        device.command_.interrupt();
        device.event_.interrupt();
        device.deliver_events();
        device.run_commands();
    });
    return {};
}

Status VirtioDevice::start(ServedQueue& queue, Kind kind, const RingState& state) {
    auto started =
        queue.start(memory_, state, [this, kind](bool readable) { kicked(kind, readable); });
    // Posting event buffers is no news, unless events wait for them.
    if (started) queue.ring->set_kicks(kind == Kind::command);
    return started;
}

void VirtioDevice::reset() {
    for (auto& [number, channel] : channels_) {
        if (!channel->ended) handler_.closed(*channel);
    }
    channels_.clear();
    buffers_.clear();
    events_.clear();
    grace_.clear();
    if (grace_end_) loop_.cancel(std::exchange(grace_end_, 0));
}

void VirtioDevice::begin_grace() {
    constexpr std::uint64_t kGraceNs = VIRTIO_VDMABUF_GRACE_MS * std::uint64_t{1'000'000};
    if (grace_end_) loop_.cancel(grace_end_);
    grace_end_ = loop_.at(now_ns() + kGraceNs, [this] {
        grace_end_ = 0;
        // The end of a buffer may have further effects.
        std::exchange(grace_, {}).clear();
    });
}

void VirtioDevice::fail(const Error& why) {
    // A guest that breaks its queues again and again must not fill the log.
    if (!announced_broken_) {
        LOG_ERROR(
            "VM '%s': its driver broke a virtqueue (%s); the device is stopped until the "
            "driver resets it",
            vm_.c_str(), why.text.c_str());
    }
    announced_broken_ = true;
    broken_ = true;
    const RingState command = command_.state;
    reset();
    command_.stop();
    event_.stop();
    command_.state = command;
}

void VirtioDevice::kicked(Kind kind, bool readable) {
    if (!readable) return fail(Error{EIO, "its kick descriptor cannot be read"});
    if (kind == Kind::command) {
        run_commands();
    } else {
        deliver_events();
    }
}

void VirtioDevice::run_commands() {
    if (!command_.ring || collecting_) return;
    collecting_ = true;
    bool pushed = false;
    std::optional<Error> error;
    command_.ring->set_kicks(false);
    for (int budget = kCommandBudget; !error;) {
        auto next = command_.ring->next(chain_);
        if (!next) {
            error = next.error();
        } else if (!*next) {
            command_.ring->set_kicks(true);
            next = command_.ring->next(chain_);  // see set_kicks()
            if (!next) error = next.error();
            if (error || !*next) break;
            command_.ring->set_kicks(false);
        } else if (budget-- == 0) {
            later([](VirtioDevice& device) { device.run_commands(); });
            break;
        } else {
            answer(chain_);
            pushed = true;
        }
    }
    collecting_ = false;
    if (error) return fail(*error);
    if (pushed) command_.interrupt();
    deliver_events();
}

void VirtioDevice::answer(const Chain& chain) {
    virtio_vdmabuf_response response{};
    if (chain.writable_bytes < sizeof response) {
        // Without room for the answer the command is not executed; its driver sees length 0.
        LOG_DEBUG("VM '%s': a command without room for its response", vm_.c_str());
        command_.ring->push(chain, 0);
        return;
    }
    const virtio_vdmabuf_status status = execute(chain);
    response.status = status;
    if (status > VIRTIO_VDMABUF_PENDING) {
        LOG_DEBUG("VM '%s': command refused with status %u", vm_.c_str(),
                  static_cast<unsigned>(status));
    }
    // next() has checked that the pieces are guest memory.
    scatter(*memory_, chain.writable, std::as_bytes(std::span(&response, 1)));
    command_.ring->push(chain, sizeof response);
}

virtio_vdmabuf_status VirtioDevice::execute(const Chain& chain) {
    if (chain.readable_bytes > max_command_bytes(limits_)) {
        return chain.readable_bytes > max_command_bytes({.runs = VIRTIO_VDMABUF_MAX_RUNS})
                   ? VIRTIO_VDMABUF_ERR_INVALID
                   : VIRTIO_VDMABUF_ERR_QUOTA;
    }
    bytes_.resize(chain.readable_bytes);
    if (!gather(*memory_, chain.readable, bytes_)) return VIRTIO_VDMABUF_ERR_INVALID;
    Command command;
    const virtio_vdmabuf_status status = parse_command(bytes_, limits_, command);
    if (status != VIRTIO_VDMABUF_OK) return status;
    return std::visit([this](const auto& which) { return execute(which); }, command);
}

VirtioDevice::Channel* VirtioDevice::find(std::uint32_t number) {
    const auto found = channels_.find(number);
    if (found == channels_.end() || found->second->closing) return nullptr;
    return found->second.get();
}

virtio_vdmabuf_status VirtioDevice::execute(const ChannelOpen& command) {
    if (channels_.contains(command.channel)) return VIRTIO_VDMABUF_ERR_EXISTS;
    if (channels_.size() >= limits_.channels) return VIRTIO_VDMABUF_ERR_QUOTA;
    auto channel = std::make_unique<Channel>(*this, command.channel, next_serial_++);
    Channel& port = *channel;
    channels_[command.channel] = std::move(channel);
    broker::ProducerInfo info;
    info.vm = vm_;
    info.pid = command.pid;
    info.uid = command.uid;
    info.comm = command.comm;
    if (!handler_.opened(port, info)) {
        channels_.erase(command.channel);
        return VIRTIO_VDMABUF_ERR_QUOTA;
    }
    return VIRTIO_VDMABUF_OK;
}

void VirtioDevice::end_channel(Channel& channel) {
    channel.ended = true;
    handler_.closed(channel);
    events_.drop_messages(channel.number);
    // The driver hears of each buffer that ends without a BUFFER_DESTROY of its own.
    buffers_.remove_channel(channel.number,
                            [this, &channel](const stream::BufferId& id, std::uint64_t token) {
                                events_.buffer_released(channel.number, id, token);
                            });
}

virtio_vdmabuf_status VirtioDevice::execute(const ChannelClose& command) {
    Channel* channel = find(command.channel);
    if (!channel) return VIRTIO_VDMABUF_ERR_NO_CHANNEL;
    end_channel(*channel);
    channels_.erase(command.channel);
    return VIRTIO_VDMABUF_OK;
}

virtio_vdmabuf_status VirtioDevice::execute(const BufferCreate& command) {
    Channel* channel = find(command.channel);
    if (!channel) return VIRTIO_VDMABUF_ERR_NO_CHANNEL;
    switch (buffers_.check(command.channel, command.id, command.size)) {
        case BufferTable::Added::exists:
            return VIRTIO_VDMABUF_ERR_EXISTS;
        case BufferTable::Added::quota:
            return VIRTIO_VDMABUF_ERR_QUOTA;
        case BufferTable::Added::ok:
            break;
    }
    auto memory = memory_->translate(command.runs);
    if (!memory) {
        return memory.error().code == EFAULT ? VIRTIO_VDMABUF_ERR_ADDRESS
                                             : VIRTIO_VDMABUF_ERR_INVALID;
    }
    auto buffer = buffers_.add(command.channel, command.id, std::move(*memory));
    const broker::Created created = handler_.buffer_created(*channel, command.id, buffer);
    if (created == broker::Created::ok) {
        if (grace_end_) grace_.push_back(std::move(buffer));
        return VIRTIO_VDMABUF_OK;
    }
    buffers_.cancel(command.channel, command.id);
    return created == broker::Created::exists ? VIRTIO_VDMABUF_ERR_EXISTS
                                              : VIRTIO_VDMABUF_ERR_QUOTA;
}

virtio_vdmabuf_status VirtioDevice::execute(const BufferDestroy& command) {
    // The host may hold a buffer longer than its channel lives.
    Channel* channel = find(command.channel);
    if (!buffers_.contains(command.channel, command.id)) {
        return channel ? VIRTIO_VDMABUF_ERR_NO_BUFFER : VIRTIO_VDMABUF_ERR_NO_CHANNEL;
    }
    if (channel) handler_.buffer_destroyed(*channel, command.id);
    return buffers_.remove(command.channel, command.id) == BufferTable::Removed::held
               ? VIRTIO_VDMABUF_PENDING
               : VIRTIO_VDMABUF_OK;
}

virtio_vdmabuf_status VirtioDevice::execute(const Message& command) {
    Channel* channel = find(command.channel);
    if (!channel) return VIRTIO_VDMABUF_ERR_NO_CHANNEL;
    handler_.message(*channel, command.data);
    return VIRTIO_VDMABUF_OK;
}

bool VirtioDevice::send(Channel& channel, std::span<const std::byte> message) {
    if (channel.closing || channel.ended) return false;
    if (message.empty() || message.size() > limits_.message) {
        LOG_ERROR("VM '%s': a message of %zu bytes to channel %u is not possible", vm_.c_str(),
                  message.size(), channel.number);
        return false;
    }
    if (!events_.message(channel.number, message)) {
        LOG_WARNING("VM '%s': channel %u does not take its messages; it is closed", vm_.c_str(),
                    channel.number);
        close(channel, broker::CloseReason::quota);
        return false;
    }
    if (!collecting_) deliver_events();
    return true;
}

void VirtioDevice::close(Channel& channel, broker::CloseReason reason) {
    if (channel.closing || channel.ended) return;
    channel.closing = reason;
    later([number = channel.number, serial = channel.serial](VirtioDevice& device) {
        device.finish_close(number, serial);
    });
}

void VirtioDevice::finish_close(std::uint32_t number, std::uint64_t serial) {
    const auto found = channels_.find(number);
    if (found == channels_.end() || found->second->serial != serial || found->second->ended) return;
    Channel& channel = *found->second;
    const auto reason = channel.closing.value_or(broker::CloseReason::protocol);
    end_channel(channel);
    // The number stays taken until the guest has read this.
    events_.channel_closed(number, static_cast<std::uint32_t>(reason));
    deliver_events();
}

void VirtioDevice::shut_down() {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> open;
    for (const auto& [number, channel] : channels_) {
        if (!channel->closing) channel->closing = broker::CloseReason::shutdown;
        open.emplace_back(number, channel->serial);
    }
    for (const auto& [number, serial] : open) finish_close(number, serial);
}

void VirtioDevice::deliver_events() {
    if (!event_.ring || collecting_ || events_.empty()) return;
    event_.ring->set_kicks(false);
    std::size_t count = 0;
    for (;;) {
        auto delivered = events_.deliver(*event_.ring, *memory_);
        if (!delivered) return fail(delivered.error());
        count += *delivered;
        if (events_.empty()) break;
        if (*delivered == 0) {
            // The guest is to say when it has posted buffers; it may have just done so.
            event_.ring->set_kicks(true);
            auto again = event_.ring->next(chain_);
            if (!again) return fail(again.error());
            if (!*again) break;
            event_.ring->set_kicks(false);
        }
    }
    if (count > 0) events_delivered_ = true;
}

}  // namespace vdmabuf::device
