// SPDX-License-Identifier: MIT
#include "runtime/broker/local_producers.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "runtime/broker/acceptor.hpp"
#include "runtime/broker/socket_channel.hpp"
#include "runtime/common/dmabuf.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/sync_file.hpp"

namespace vdmabuf::broker {

using stream::ErrorCode;
using stream::Type;

Status check_memory_file(int fd, std::uint64_t offset, std::uint64_t size) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return system_error("BUFFER_CREATE: fstat");
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (!S_ISREG(st.st_mode) || seals < 0) {
        return Error{EINVAL, "BUFFER_CREATE: the descriptor is not a memfd"};
    }
    if (!(seals & F_SEAL_SHRINK)) {
        return Error{EINVAL, "BUFFER_CREATE: the memfd is not sealed against shrinking"};
    }
    const auto file_size = static_cast<std::uint64_t>(st.st_size);
    if (offset > file_size || size > file_size - offset) {
        return Error{EINVAL, "BUFFER_CREATE: the buffer does not lie inside of the memfd"};
    }
    return {};
}

Result<BufferMemory> local_memory(const stream::BufferCreate& message, UniqueFd fd) {
    BufferMemory memory;
    memory.size = message.size;
    if (is_dmabuf(fd.get())) {
        const auto size = dmabuf_size(fd.get());
        if (!size) return size.error();
        // What is inside of it is its exporter's matter: it is handed on as it is, or not at all.
        if (message.offset != 0 || message.size != *size) {
            return Error{EINVAL, "BUFFER_CREATE: the buffer is not all of the dmabuf"};
        }
        memory.dmabuf = std::make_shared<const UniqueFd>(std::move(fd));
        return memory;
    }
    const auto status = check_memory_file(fd.get(), message.offset, message.size);
    if (!status) return status.error();
    memory.files.push_back(std::make_shared<const UniqueFd>(std::move(fd)));
    memory.runs.push_back({0, message.offset, message.size});
    return memory;
}

class LocalProducers::Port final : public ProducerPort {
  public:
    Port(LocalProducers& owner, PortHandler& handler) : owner_(owner), handler_(handler) {}

    Status start(EventLoop& loop, UniqueFd socket) {
        SocketChannel::Handlers handlers;
        handlers.message = [this](std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
            on_message(bytes, std::move(fds));
        };
        handlers.closed = [this] {
            if (opened_) handler_.closed(*this);
            opened_ = false;
            owner_.ports_.erase(this);
        };
        auto channel = SocketChannel::create(loop, std::move(socket), std::move(handlers));
        if (!channel) return channel.error();
        channel_ = std::move(*channel);
        return {};
    }

    void open(const ProducerInfo& info) {
        opened_ = handler_.opened(*this, info);
        if (!opened_) refuse(ErrorCode::quota, Type{}, "the broker takes no more producers");
    }

    ~Port() override {
        if (opened_) handler_.closed(*this);
    }

    bool send(std::span<const std::byte> message) override { return channel_->send(message); }
    void close(CloseReason) override { channel_->close(); }

    void refuse(ErrorCode code, Type request, const std::string& text) {
        send_error(code, request, text);
        channel_->close();
    }

  private:
    void send_error(ErrorCode code, Type request, const std::string& text) {
        auto message = stream::make<stream::ErrorMessage>();
        message.code = static_cast<std::uint32_t>(code);
        message.request = static_cast<std::uint32_t>(request);
        stream::put_text(message.text, text);
        channel_->send(stream::bytes_of(message));
        LOG_WARNING("local producer: %s", text.c_str());
    }

    void on_message(std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
        const auto type = stream::type_of(bytes);
        if (type && greeted_ && *type == Type::buffer_create) return create(bytes, std::move(fds));
        if (type && greeted_ && *type == Type::present && fds.size() == 1) {
            if (!is_sync_file(fds[0].get())) {
                return protocol_error(Type::present, "PRESENT: the descriptor is no sync_file");
            }
            return handler_.present(*this, bytes, std::move(fds[0]));
        }
        if (!fds.empty()) {
            return refuse(ErrorCode::protocol, type ? *type : Type{},
                          "only BUFFER_CREATE and PRESENT, after HELLO, bring a descriptor");
        }
        if (type && greeted_ && *type == Type::buffer_destroy) return destroy(bytes);
        if (type && *type == Type::hello) greeted_ = true;
        handler_.message(*this, bytes);
    }

    void create(std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
        const auto message = stream::decode<stream::BufferCreate>(bytes);
        if (!message) return protocol_error(Type::buffer_create, message.error().text);
        if (fds.size() != 1) {
            return protocol_error(Type::buffer_create, "BUFFER_CREATE brings one descriptor");
        }
        auto memory = local_memory(*message, std::move(fds[0]));
        if (!memory) return protocol_error(Type::buffer_create, memory.error().text);
        switch (handler_.buffer_created(*this, message->id,
                                        std::make_shared<const BufferMemory>(std::move(*memory)))) {
            case Created::ok:
                return;
            case Created::exists:
                return protocol_error(Type::buffer_create, "the buffer's id is in use");
            case Created::quota:
                return send_error(ErrorCode::quota, Type::buffer_create,
                                  "too many buffers, or too many bytes in them; those that "
                                  "consumers hold are counted");
        }
    }

    void destroy(std::span<const std::byte> bytes) {
        const auto message = stream::decode<stream::BufferDestroy>(bytes);
        if (!message) return protocol_error(Type::buffer_destroy, message.error().text);
        if (!handler_.buffer_destroyed(*this, message->id)) {
            protocol_error(Type::buffer_destroy, "there is no such buffer");
        }
    }

    void protocol_error(Type request, const std::string& text) {
        refuse(ErrorCode::protocol, request, text);
    }

    LocalProducers& owner_;
    PortHandler& handler_;
    std::unique_ptr<SocketChannel> channel_;
    bool opened_ = false;
    bool greeted_ = false;  // HELLO was received
};

Result<std::unique_ptr<LocalProducers>> LocalProducers::create(
    EventLoop& loop, PortHandler& handler, UniqueFd listener,
    std::vector<std::uint32_t> other_uids) {
    std::unique_ptr<LocalProducers> producers(
        new LocalProducers(loop, handler, std::move(other_uids)));
    LocalProducers* self = producers.get();
    auto added = loop.add(listener.get(), EPOLLIN, [self](std::uint32_t) { self->accept_one(); });
    if (!added) return added.error();
    producers->listener_ = std::move(listener);
    return producers;
}

LocalProducers::LocalProducers(EventLoop& loop, PortHandler& handler,
                               std::vector<std::uint32_t> other_uids)
    : loop_(loop), handler_(handler), other_uids_(std::move(other_uids)) {}

LocalProducers::~LocalProducers() {
    if (listener_) loop_.remove(listener_.get());
}

void LocalProducers::accept_one() {
    auto accepted = accept_peer(listener_.get());
    if (!accepted) {
        if (accepted.error().code != EAGAIN) LOG_WARNING("%s", accepted.error().text.c_str());
        return;
    }
    ProducerInfo info;
    info.pid = accepted->peer.pid;
    info.uid = accepted->peer.uid;
    auto port = std::make_unique<Port>(*this, handler_);
    Port* raw = port.get();
    if (const auto status = port->start(loop_, std::move(accepted->socket)); !status) {
        LOG_WARNING("%s", status.error().text.c_str());
        return;
    }
    ports_.emplace(raw, std::move(port));
    const bool known = info.uid == ::getuid() || std::find(other_uids_.begin(), other_uids_.end(),
                                                           info.uid) != other_uids_.end();
    if (!known) {
        raw->refuse(ErrorCode::policy, Type{},
                    "producers of user " + std::to_string(info.uid) + " are not served");
        return;
    }
    raw->open(info);
}

}  // namespace vdmabuf::broker
