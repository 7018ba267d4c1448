// SPDX-License-Identifier: MIT
#include "runtime/broker/frame_pacer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace vdmabuf::broker {
namespace {

using stream::PresentMode;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kStart = 1'000 * kMs;

// Writes down what the pacer decides: "frame CONSUMER SLOT", "release SLOT SERIAL",
// "shown SERIAL", "skipped SERIAL".
class FramePacerTest : public testing::Test, protected FramePacer::Sink {
  protected:
    void on_frame(unsigned consumer, std::uint32_t slot) override {
        log.push_back("frame " + std::to_string(consumer) + " " + std::to_string(slot));
    }
    void on_release(std::uint32_t slot, std::uint64_t of) override {
        log.push_back("release " + std::to_string(slot) + " " + std::to_string(of));
    }
    void on_presented(std::uint64_t of, bool shown, std::uint64_t time_ns,
                      std::uint64_t refresh_ns) override {
        log.push_back((shown ? "shown " : "skipped ") + std::to_string(of));
        last_time_ns = time_ns;
        last_refresh_ns = refresh_ns;
    }

    void present(std::uint32_t slot, PresentMode mode = PresentMode::fifo,
                 std::uint64_t target_ns = 0) {
        pacer.present({slot, ++serial, mode, target_ns}, now);
    }
    FramePacer::Answer presented(unsigned consumer, std::uint64_t of, bool shown = true) {
        return pacer.presented(consumer, of, shown, now, 16 * kMs, now);
    }
    // What was decided since the last call.
    std::vector<std::string> decided() { return std::exchange(log, {}); }

    FramePacer pacer{*this};
    std::uint64_t now = kStart;
    std::uint64_t serial = 0;
    std::vector<std::string> log;
    std::uint64_t last_time_ns = 0;
    std::uint64_t last_refresh_ns = 0;
};

TEST_F(FramePacerTest, AReadyConsumerGetsAFrameAtOnce) {
    pacer.attach(0, now);
    EXPECT_THAT(decided(), IsEmpty());
    present(5);
    EXPECT_THAT(decided(), ElementsAre("frame 0 5"));
}

TEST_F(FramePacerTest, FifoFramesWaitInOrderForTheConsumer) {
    pacer.attach(0, now);
    present(0);
    present(1);
    present(2);
    EXPECT_THAT(decided(), ElementsAre("frame 0 0"));
    now += 16 * kMs;
    EXPECT_EQ(presented(0, 1), FramePacer::Answer::ok);
    EXPECT_THAT(decided(), ElementsAre("shown 1", "frame 0 1"));
    now += 16 * kMs;
    presented(0, 2);
    EXPECT_THAT(decided(), ElementsAre("shown 2", "frame 0 2"));
    EXPECT_EQ(last_time_ns, now);
    EXPECT_EQ(last_refresh_ns, 16 * kMs);
    presented(0, 3);
    EXPECT_THAT(decided(), ElementsAre("shown 3"));
    EXPECT_EQ(pacer.counters().shown, 3u);
}

TEST_F(FramePacerTest, TheCurrentFrameIsKeptUntilANewerOneAndTheHoldsAreGone) {
    pacer.attach(0, now);
    present(0);
    presented(0, 1);
    decided();
    // The consumer is done with it, but one who comes later must have a picture.
    EXPECT_EQ(pacer.release(0, 1), FramePacer::Answer::ok);
    EXPECT_THAT(decided(), IsEmpty());
    EXPECT_TRUE(pacer.busy(0));
    present(1);
    EXPECT_THAT(decided(), ElementsAre("frame 0 1", "release 0 1"));
    EXPECT_FALSE(pacer.busy(0));

    presented(0, 2);
    present(2);
    EXPECT_THAT(decided(), ElementsAre("shown 2", "frame 0 2"));  // 2 is held by the consumer
    EXPECT_EQ(pacer.release(0, 2), FramePacer::Answer::ok);
    EXPECT_THAT(decided(), ElementsAre("release 1 2"));
    EXPECT_EQ(pacer.counters().released, 2u);
}

TEST_F(FramePacerTest, AFrameIsReleasedByTheLastOfItsHolders) {
    pacer.attach(0, now);
    pacer.attach(1, now);
    present(0);
    EXPECT_THAT(decided(), ElementsAre("frame 0 0", "frame 1 0"));
    presented(0, 1);
    presented(1, 1);
    EXPECT_THAT(decided(), ElementsAre("shown 1"));  // once, by the first
    present(1);
    decided();
    pacer.release(0, 1);
    EXPECT_THAT(decided(), IsEmpty());
    pacer.release(1, 1);
    EXPECT_THAT(decided(), ElementsAre("release 0 1"));
}

TEST_F(FramePacerTest, TheFasterConsumerSetsThePaceAndTheSlowerSkips) {
    pacer.attach(0, now);
    pacer.attach(1, now);
    present(0);
    decided();
    presented(0, 1);
    pacer.release(0, 1);
    present(1);
    EXPECT_THAT(decided(), ElementsAre("shown 1", "frame 0 1"));
    presented(0, 2);
    present(2);
    EXPECT_THAT(decided(), ElementsAre("shown 2", "frame 0 2"));
    // Consumer 1 gets ready only now: it has missed slot 1 and gets the newest.
    presented(1, 1);
    EXPECT_THAT(decided(), ElementsAre("frame 1 2"));
    // It does not get the same frame again.
    presented(1, 3);
    EXPECT_THAT(decided(), ElementsAre("shown 3"));
}

TEST_F(FramePacerTest, AConsumerThatCatchesUpDoesNotMoveTheQueue) {
    pacer.attach(0, now);
    pacer.attach(1, now);
    present(0);
    presented(0, 1);
    present(1);
    present(2);
    decided();
    // Frame 2 is current and 3 waits. Consumer 1 first gets what is current.
    presented(1, 1);
    EXPECT_THAT(decided(), ElementsAre("frame 1 1"));
    presented(1, 2);
    EXPECT_THAT(decided(), ElementsAre("shown 2", "frame 1 2"));
}

TEST_F(FramePacerTest, NoConsumerStallsAStreamForLongerThan100Ms) {
    pacer.attach(0, now);
    present(0);
    decided();
    present(1);
    present(2);
    EXPECT_THAT(decided(), IsEmpty());
    EXPECT_EQ(pacer.deadline_ns(), kStart + 100 * kMs);
    now = kStart + 100 * kMs - 1;
    pacer.tick(now);
    EXPECT_THAT(decided(), IsEmpty());
    now += 1;
    pacer.tick(now);
    EXPECT_THAT(decided(), IsEmpty());  // frame 2 is current; frame 1 is still held
    EXPECT_EQ(pacer.deadline_ns(), now + 100 * kMs);
    now += 100 * kMs;
    pacer.tick(now);
    EXPECT_THAT(decided(), ElementsAre("skipped 2", "release 1 2"));
    EXPECT_EQ(pacer.counters().skipped, 1u);
    presented(0, 1);
    EXPECT_THAT(decided(), ElementsAre("shown 1", "frame 0 2"));
}

TEST_F(FramePacerTest, AFrameThatIsHeldForTooLongIsTakenBack) {
    pacer.attach(0, now);
    present(0);
    presented(0, 1);
    present(1);
    decided();
    const std::uint64_t replaced = now;
    EXPECT_EQ(pacer.deadline_ns(), replaced + FramePacer::kHoldNs);
    now = replaced + FramePacer::kHoldNs - 1;
    pacer.tick(now);
    EXPECT_THAT(decided(), IsEmpty());
    now += 1;
    pacer.tick(now);
    EXPECT_THAT(decided(), ElementsAre("release 0 1"));
    // What comes late is about a frame that is over; also when the slot has another one.
    present(0);
    decided();
    EXPECT_EQ(pacer.release(0, 1), FramePacer::Answer::late);
    EXPECT_THAT(decided(), IsEmpty());
    EXPECT_TRUE(pacer.busy(0));
}

TEST_F(FramePacerTest, MailboxReplacesWhatWaits) {
    pacer.attach(0, now);
    present(0, PresentMode::mailbox);
    present(1, PresentMode::mailbox);
    EXPECT_THAT(decided(), ElementsAre("frame 0 0"));
    present(2, PresentMode::mailbox);
    EXPECT_THAT(decided(), ElementsAre("skipped 2", "release 1 2"));
    present(1, PresentMode::immediate);
    EXPECT_THAT(decided(), ElementsAre("skipped 3", "release 2 3"));
    EXPECT_EQ(pacer.counters().skipped, 2u);
    presented(0, 1);
    EXPECT_THAT(decided(), ElementsAre("shown 1", "frame 0 1"));
}

TEST_F(FramePacerTest, MailboxDoesNotReplaceFifoFrames) {
    pacer.attach(0, now);
    present(0);
    present(1, PresentMode::fifo);
    present(2, PresentMode::mailbox);
    present(3, PresentMode::fifo);
    decided();
    present(4, PresentMode::mailbox);
    EXPECT_THAT(decided(), ElementsAre("skipped 3", "release 2 3"));
    for (std::uint64_t shown = 1; shown <= 4; ++shown) {
        if (shown == 3) continue;
        presented(0, shown);
    }
    EXPECT_THAT(decided(), ElementsAre("shown 1", "frame 0 1", "shown 2", "frame 0 3", "shown 4",
                                       "frame 0 4"));
}

TEST_F(FramePacerTest, WithoutAConsumerFifoRunsAt60Hz) {
    present(0);
    EXPECT_THAT(decided(), ElementsAre("skipped 1"));  // current, and nobody will show it
    EXPECT_EQ(pacer.deadline_ns(), 0u);                // an idle stream wants no timer
    present(1);
    present(2);
    EXPECT_THAT(decided(), IsEmpty());
    EXPECT_EQ(pacer.deadline_ns(), kStart + FramePacer::kRefreshNs);
    now = kStart + FramePacer::kRefreshNs + 2 * kMs;  // the timer is late
    pacer.tick(now);
    EXPECT_THAT(decided(), ElementsAre("skipped 2", "release 0 1"));
    // The beat is kept all the same.
    EXPECT_EQ(pacer.deadline_ns(), kStart + 2 * FramePacer::kRefreshNs);
    now = kStart + 2 * FramePacer::kRefreshNs;
    pacer.tick(now);
    EXPECT_THAT(decided(), ElementsAre("skipped 3", "release 1 2"));
    EXPECT_EQ(pacer.deadline_ns(), 0u);
    EXPECT_TRUE(pacer.busy(2));
}

TEST_F(FramePacerTest, WithoutAConsumerAnAppNeverRunsFasterThan60Hz) {
    // An app of three images that renders in no time, for ten seconds.
    std::uint64_t released = 0;
    std::uint32_t slot = 0;
    while (now < kStart + 10'000 * kMs) {
        while (!pacer.busy(slot)) {
            present(slot);
            slot = (slot + 1) % 3;
        }
        decided();
        ASSERT_NE(pacer.deadline_ns(), 0u);
        now = pacer.deadline_ns() + (serial % 3) * kMs;  // late by up to 2 ms
        pacer.tick(now);
        released = pacer.counters().released;
    }
    EXPECT_NEAR(static_cast<double>(released), 600.0, 3.0);
}

TEST_F(FramePacerTest, AfterAPauseNoFramesAreMadeUpFor) {
    present(0);
    now += 10'000 * kMs;
    present(1);
    decided();
    present(2);
    EXPECT_EQ(pacer.deadline_ns(), now + FramePacer::kRefreshNs);
}

TEST_F(FramePacerTest, WithoutAConsumerMailboxGoesAtOnce) {
    present(0, PresentMode::mailbox);
    present(1, PresentMode::mailbox);
    present(2, PresentMode::immediate);
    EXPECT_THAT(decided(),
                ElementsAre("skipped 1", "skipped 2", "release 0 1", "skipped 3", "release 1 2"));
    EXPECT_EQ(pacer.deadline_ns(), 0u);
}

TEST_F(FramePacerTest, ATargetTimeIsKept) {
    present(0, PresentMode::fifo, now + 50 * kMs);
    EXPECT_THAT(decided(), IsEmpty());
    EXPECT_EQ(pacer.deadline_ns(), kStart + 50 * kMs);
    pacer.attach(0, now);
    EXPECT_THAT(decided(), IsEmpty());
    now += 50 * kMs;
    pacer.tick(now);
    EXPECT_THAT(decided(), ElementsAre("frame 0 0"));
    presented(0, 1);
    present(1, PresentMode::mailbox, now + 5 * kMs);
    EXPECT_EQ(pacer.deadline_ns(), now + 5 * kMs);
    decided();
    now += 5 * kMs;
    pacer.tick(now);
    EXPECT_THAT(decided(), ElementsAre("frame 0 1"));
}

TEST_F(FramePacerTest, OneWhoComesLaterGetsThePictureAtOnce) {
    present(0);
    decided();
    now += 1'000 * kMs;
    pacer.attach(3, now);
    EXPECT_THAT(decided(), ElementsAre("frame 3 0"));
}

TEST_F(FramePacerTest, DetachGivesBackEverything) {
    pacer.attach(0, now);
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
        present(slot);
        if (slot < 2) presented(0, serial);
    }
    // Held: 0 and 1; current and awaited: 2.
    decided();
    pacer.detach(0, now);
    EXPECT_THAT(decided(), ElementsAre("release 0 1", "release 1 2", "skipped 3"));
    EXPECT_TRUE(pacer.busy(2));
    EXPECT_EQ(pacer.consumers(), 0u);
    // Its pace is that of a stream without a consumer from now on.
    present(0);
    present(1);
    EXPECT_NE(pacer.deadline_ns(), 0u);
    now += FramePacer::kRefreshNs;
    pacer.tick(now);
    now += FramePacer::kRefreshNs;
    pacer.tick(now);
    EXPECT_EQ(pacer.counters().released, 4u);
}

TEST_F(FramePacerTest, DetachOfOneLeavesTheOthersHolds) {
    pacer.attach(0, now);
    pacer.attach(1, now);
    present(0);
    presented(0, 1);
    presented(1, 1);
    present(1);
    decided();
    pacer.detach(0, now);
    EXPECT_THAT(decided(), IsEmpty());
    pacer.release(1, 1);
    EXPECT_THAT(decided(), ElementsAre("release 0 1"));
}

TEST_F(FramePacerTest, AFrameGivenUpByAllIsReportedAsSkipped) {
    pacer.attach(0, now);
    pacer.attach(1, now);
    present(0);
    decided();
    presented(0, 1, false);
    EXPECT_THAT(decided(), IsEmpty());  // the other may still show it
    presented(1, 1, false);
    EXPECT_THAT(decided(), ElementsAre("skipped 1"));
    present(1);
    presented(0, 2, false);
    presented(1, 2, true);
    EXPECT_THAT(decided(), ElementsAre("frame 0 1", "frame 1 1", "shown 2"));
}

TEST_F(FramePacerTest, WrongAnswersChangeNothing) {
    pacer.attach(0, now);
    present(0);
    decided();
    EXPECT_EQ(pacer.release(0, 2), FramePacer::Answer::unknown);
    EXPECT_EQ(pacer.release(0, 0), FramePacer::Answer::unknown);
    EXPECT_EQ(presented(0, 2), FramePacer::Answer::unknown);
    EXPECT_EQ(presented(0, 0), FramePacer::Answer::unknown);
    presented(0, 1);
    EXPECT_EQ(presented(0, 1), FramePacer::Answer::late);
    EXPECT_EQ(pacer.release(0, 1), FramePacer::Answer::ok);
    EXPECT_EQ(pacer.release(0, 1), FramePacer::Answer::late);
    EXPECT_EQ(pacer.release(1, 1), FramePacer::Answer::late);  // not attached
    EXPECT_THAT(decided(), ElementsAre("shown 1"));
}

TEST_F(FramePacerTest, AWithdrawnImageTakesItsFrameAlong) {
    pacer.attach(0, now);
    present(0);
    present(1);
    present(2);
    decided();
    pacer.withdraw(1, now);  // waiting
    EXPECT_THAT(decided(), ElementsAre("skipped 2"));
    pacer.withdraw(0, now);  // current, and sent
    EXPECT_THAT(decided(), ElementsAre("skipped 1"));
    EXPECT_FALSE(pacer.busy(0));
    EXPECT_EQ(pacer.release(0, 1), FramePacer::Answer::late);
    // The consumer answers all the same, and gets the next frame.
    EXPECT_EQ(presented(0, 1), FramePacer::Answer::ok);
    EXPECT_THAT(decided(), ElementsAre("frame 0 2"));
    pacer.withdraw(63, now);  // free: nothing
    EXPECT_THAT(decided(), IsEmpty());
    EXPECT_EQ(pacer.counters().released, 0u);
}

TEST_F(FramePacerTest, OneWhoComesAfterTheCurrentImageWasWithdrawnWaits) {
    present(0);
    pacer.withdraw(0, now);
    decided();
    pacer.attach(0, now);
    EXPECT_THAT(decided(), IsEmpty());
    present(1);
    EXPECT_THAT(decided(), ElementsAre("frame 0 1"));
}

TEST_F(FramePacerTest, AProducerMayTakeASlotBack) {
    pacer.attach(0, now);
    present(0);
    present(1);
    decided();
    present(1);  // was waiting
    EXPECT_THAT(decided(), ElementsAre("skipped 2"));
    present(0);  // was current, held and awaited
    EXPECT_THAT(decided(), ElementsAre("skipped 1"));
    presented(0, 1);
    EXPECT_THAT(decided(), ElementsAre("frame 0 1"));
    presented(0, 3);
    EXPECT_THAT(decided(), ElementsAre("shown 3", "frame 0 0"));
}

TEST_F(FramePacerTest, AllSlotsMayWait) {
    pacer.attach(0, now);
    for (int round = 0; round < 3; ++round) {
        const std::uint64_t first = serial + 1;
        for (std::uint32_t slot = 0; slot < stream::kMaxSlots; ++slot) present(slot);
        for (std::uint64_t of = first; of <= serial; ++of) {
            presented(0, of);
            pacer.release(0, of);
        }
        EXPECT_EQ(pacer.counters().shown, serial);
    }
    EXPECT_EQ(pacer.counters().released, serial - 1);  // all but the current one
}

// Any order of calls: every frame is reported once and before its release, released once at most,
// never sent twice to the same consumer nor to one that is not attached, and after all consumers
// have gone and time has passed, all but the current slot is free.
TEST(FramePacerRandomTest, KeepsItsPromises) {
    struct Checker : FramePacer::Sink {
        void on_frame(unsigned consumer, std::uint32_t slot) override {
            ASSERT_TRUE(attached[consumer]);
            ASSERT_TRUE(sent[consumer].insert(serial_of[slot]).second);
            awaited[consumer] = serial_of[slot];
        }
        void on_release(std::uint32_t slot, std::uint64_t serial) override {
            ASSERT_EQ(serial_of[slot], serial);
            ASSERT_TRUE(reported.contains(serial));
            ASSERT_TRUE(released.insert(serial).second);
        }
        void on_presented(std::uint64_t serial, bool, std::uint64_t, std::uint64_t) override {
            ASSERT_TRUE(reported.insert(serial).second);
        }
        std::uint64_t serial_of[stream::kMaxSlots] = {};
        bool attached[FramePacer::kMaxConsumers] = {};
        std::set<std::uint64_t> sent[FramePacer::kMaxConsumers];
        std::uint64_t awaited[FramePacer::kMaxConsumers] = {};
        std::set<std::uint64_t> reported;
        std::set<std::uint64_t> released;
    };
    for (std::uint32_t seed = 0; seed < 40; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 engine(seed);
        const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
        Checker checker;
        FramePacer pacer(checker);
        std::uint64_t now = kStart;
        std::uint64_t serial = 0;
        const std::uint32_t slots = 2 + seed % 5;
        const unsigned consumers = seed % 4;
        for (int step = 0; step < 4000; ++step) {
            now += random() % (8 * kMs);
            if (const auto deadline = pacer.deadline_ns(); deadline && deadline <= now) {
                pacer.tick(now);
            }
            const std::uint32_t slot = random() % slots;
            const unsigned consumer = consumers ? random() % consumers : 0;
            switch (random() % 8) {
                case 0:
                case 1:
                case 2:
                    if (pacer.busy(slot) && random() % 50) break;
                    // A present over a busy slot reports its old frame first: by its old serial.
                    if (pacer.busy(slot)) pacer.withdraw(slot, now);
                    checker.serial_of[slot] = ++serial;
                    pacer.present({slot, serial, static_cast<PresentMode>(random() % 3),
                                   random() % 20 ? 0 : now + random() % (50 * kMs)},
                                  now);
                    break;
                case 3:
                case 4:
                    if (consumers && checker.awaited[consumer]) {
                        pacer.presented(consumer, checker.awaited[consumer], random() % 4, now, 0,
                                        now);
                    }
                    break;
                case 5:
                    if (consumers && !checker.sent[consumer].empty()) {
                        pacer.release(consumer, *checker.sent[consumer].begin());
                        checker.sent[consumer].erase(checker.sent[consumer].begin());
                    }
                    break;
                case 6:
                    if (consumers && random() % 20 == 0) {
                        checker.attached[consumer] = !checker.attached[consumer];
                        checker.awaited[consumer] = 0;
                        checker.sent[consumer].clear();
                        if (checker.attached[consumer]) {
                            pacer.attach(consumer, now);
                        } else {
                            pacer.detach(consumer, now);
                        }
                    }
                    break;
                default:
                    if (random() % 50 == 0) pacer.withdraw(slot, now);
            }
            if (testing::Test::HasFatalFailure()) return;
        }
        for (unsigned i = 0; i < consumers; ++i) pacer.detach(i, now);
        for (int i = 0; i < 100 && pacer.deadline_ns(); ++i) {
            now = std::max(now, pacer.deadline_ns());
            pacer.tick(now);
        }
        EXPECT_EQ(pacer.deadline_ns(), 0u);
        std::uint32_t busy = 0;
        for (std::uint32_t slot = 0; slot < slots; ++slot) busy += pacer.busy(slot);
        EXPECT_LE(busy, 1u);
        EXPECT_EQ(checker.reported.size(), serial);
        EXPECT_EQ(pacer.counters().released, checker.released.size());
    }
}

}  // namespace
}  // namespace vdmabuf::broker
