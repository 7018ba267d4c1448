// SPDX-License-Identifier: MIT
#pragma once

#include <vdmabuf/producer.h>

#include <list>
#include <memory>
#include <optional>

#include "runtime/api/entry.hpp"
#include "runtime/api/pollable_loop.hpp"
#include "runtime/producer/raw_endpoint.hpp"

// What <vdmabuf/producer.h> calls a buffer. Outlives its producer where the program wants it so.
struct vdmabuf_buffer {
    vdmabuf_producer* producer = nullptr;  // nullptr: closed
    vdmabuf::producer::RawBuffer* raw = nullptr;
    std::shared_ptr<vdmabuf::producer::Buffer> memory;
    void* user = nullptr;
};

// What <vdmabuf/producer.h> calls a producer.
struct vdmabuf_producer {
  public:
    static vdmabuf::Result<std::unique_ptr<vdmabuf_producer>> open(
        const vdmabuf_producer_options& options);
    ~vdmabuf_producer();

    int fd() const { return loop_->fd(); }
    bool online() const { return endpoint_->online(); }
    int dispatch(vdmabuf_producer_event* event);

    int alloc(std::uint64_t bytes, vdmabuf_buffer** buffer);
    int import(int fd, vdmabuf_buffer** buffer);
    void drop(vdmabuf_buffer* buffer);
    int offer(vdmabuf_buffer& buffer, const char* topic, const void* message, std::size_t bytes,
              int in_fence);
    int withdraw(vdmabuf_buffer& buffer);
    int send(vdmabuf_buffer& buffer, std::uint64_t receiver, const void* data, std::size_t bytes,
             int in_fence);

    vdmabuf::api::LastError error;

  private:
    vdmabuf_producer() = default;
    int adopt(vdmabuf::Result<vdmabuf::producer::RawBuffer*> made, vdmabuf_buffer** buffer);
    int answer(const vdmabuf::Status& status);

    std::unique_ptr<vdmabuf::api::PollableLoop> loop_;
    std::unique_ptr<vdmabuf::producer::RawEndpoint> endpoint_;
    std::list<vdmabuf_buffer*> buffers_;
    // What the event that was handed out points to.
    std::optional<vdmabuf::producer::RawNews> current_;
};
