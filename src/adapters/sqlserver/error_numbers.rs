//! What the number and class of a server error mean for the batch that met it.

use super::errors::Fate;

/// The batch was the deadlock victim: rolled back whole, so it can be repeated.
pub(super) const DEADLOCK: u32 = 1205;
/// LOCK_TIMEOUT ran out while waiting for a lock; rolled back whole.
pub(super) const LOCK_WAIT_OVER: u32 = 1222;
/// Unique constraint, unique index, foreign key: another write came between our read and our write.
pub(super) const RACES: [u32; 3] = [2627, 2601, 547];
/// Bad credentials; during a failover also good ones, until the new primary has loaded its users.
pub(super) const LOGIN_FAILED: u32 = 18456;

/// VIEW SERVER STATE, VIEW DATABASE STATE, or another permission that a view needs, is not granted.
pub(super) const NO_SERVER_STATE: u32 = 300;
pub(super) const NO_DATABASE_STATE: u32 = 262;
pub(super) const NO_RIGHT: u32 = 297;

/// From this class on the server ends the connection.
const FATAL_CLASS: u8 = 20;

/// Numbers of THROW and RAISERROR (in a trigger, in U0): a repeat gets the same error.
const RAISED: u32 = 50_000;

/// The session was killed, or the service failed during the batch: a commit may have been under way.
const UNANSWERED: [u32; 9] = [64, 121, 233, 596, 10053, 10054, 10060, 40143, 40197];

/// Refused logins: bad credentials, an expired password, a locked account, a firewall, a user without the database.
pub(super) const REFUSED: [u32; 12] =
    [LOGIN_FAILED, 18452, 18461, 18463, 18470, 18486, 18487, 18488, 33134, 40615, 40914, 47073];

/// Permanent: the text cannot be parsed or planned, a value does not fit, or a constraint or a permission forbids the
/// batch.
#[rustfmt::skip]
const FINAL: [u32; 59] = [
    // The text of the batch: syntax, names, parameters, hints.
    102, 105, 128, 137, 156, 170, 195, 201, 203, 206, 207, 208, 209, 213, 214, 257, 260, 308, 315, 321, 334, 402, 1018,
    1088, 1934, 2812, 4104, 4121, 4145, 8144, 8145, 8155, 8156, 8178, 8622,
    // Values.
    220, 232, 241, 242, 245, 248, 511, 515, 517, 2628, 8114, 8115, 8134, 8152, 13609,
    // Constraints.
    547, 2601, 2627,
    // Permissions.
    229, 230, 262, 297, 300, 916,
];

/// Transient: the list of Entity Framework Core's SQL Server provider (`SqlServerTransientExceptionDetector`) without
/// the numbers above, and those that Microsoft's pages on Azure SQL and on full or read-only databases add.
#[rustfmt::skip]
const PASSING: [u32; 178] = [
    539, 601, 615, 617, 669, 671, 701, 921, 926, 927, 941, 952, 982, 988, 997, 1105, 1203, 1204, 1205, 1215, 1216, 1221,
    1222, 1232, 1404, 1413, 1421, 1438, 1532, 1533, 1534, 1535, 1807, 2021, 2816, 3429, 3635, 3906, 3935, 3941, 3947,
    3948, 3950, 3953, 3957, 3960, 3966, 3980, 4060, 4117, 4184, 4221, 5280, 5529, 6005, 6292, 7951, 8628, 8645, 8651,
    9002, 9020, 9515, 9985, 10922, 10928, 10929, 10930, 10936, 11001, 11539, 14355, 14817, 14868, 14906, 16528, 16554,
    16555, 17065, 17066, 17067, 17197, 17889, 18401, 18858, 19413, 19416, 19494, 20041, 21503, 22225, 22226, 22335,
    22353, 22355, 22358, 22427, 22430, 22491, 22493, 22498, 22754, 22758, 22759, 22760, 22984, 25003, 25738, 25740,
    30080, 30085, 33123, 35216, 35218, 35256, 35293, 37202, 37327, 39025, 39108, 39110, 39151, 39152, 40106, 40189,
    40501, 40540, 40544, 40549, 40550, 40551, 40552, 40553, 40613, 40623, 40642, 40648, 40671, 40675, 40890, 40903,
    40918, 40938, 41301, 41302, 41305, 41325, 41339, 41383, 41614, 41619, 41640, 41700, 41701, 41823, 41839, 41840,
    42029, 42108, 42109, 45153, 45156, 45157, 45161, 45179, 45182, 45319, 45547, 47132, 47137, 47139, 49510, 49802,
    49918, 49919, 49920, 49977, 49983,
];

pub(super) fn fate(number: u32, class: u8) -> Fate {
    if class >= FATAL_CLASS || UNANSWERED.contains(&number) {
        Fate::Unanswered
    } else if FINAL.contains(&number) || REFUSED.contains(&number) || number >= RAISED {
        Fate::Final
    } else if PASSING.contains(&number) {
        // XACT_ABORT is on, and each of our batches ends with its commit.
        Fate::Undone
    } else {
        Fate::Unlisted
    }
}
