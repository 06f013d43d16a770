//! Calendar fields and seconds since the epoch, in the Gregorian calendar.

const DAY: i64 = 86_400;

/// Fields as a guest may write them: not all of them are within their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    /// From 1.
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
}

impl Fields {
    /// The fields of a moment.
    pub(super) fn at(seconds: i64) -> Self {
        let of_day = seconds.rem_euclid(DAY);
        // Years that begin in March have their leap day last; eras of 400 years
        // have 146097 days. 719468 days lie between 0000-03-01 and the epoch.
        let shifted = seconds.div_euclid(DAY) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    /// The moment. Fields beyond their limits carry over into the next one.
    pub(super) fn seconds(self) -> i64 {
        let months = self.year * 12 + self.month - 1;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let from_march = if month > 2 { month - 3 } else { month + 9 };
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        days * DAY + self.hour * 3600 + self.minute * 60 + self.second
    }

    /// 1 for Sunday to 7.
    pub(super) fn weekday(seconds: i64) -> i64 {
        (seconds.div_euclid(DAY) + 4).rem_euclid(7) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_fields_and_fields_moments() {
        for (seconds, (year, month, day), (hour, minute, second), weekday) in [
            (0, (1970, 1, 1), (0, 0, 0), 5),
            (951_782_399, (2000, 2, 28), (23, 59, 59), 2),
            (951_782_400, (2000, 2, 29), (0, 0, 0), 3),
            (1_704_067_199, (2023, 12, 31), (23, 59, 59), 1),
            (4_107_542_400, (2100, 3, 1), (0, 0, 0), 2), // 2100 is no leap year
            (-1, (1969, 12, 31), (23, 59, 59), 4),
        ] {
            let fields = Fields {
                year,
                month,
                day,
                hour,
                minute,
                second,
            };
            assert_eq!(Fields::at(seconds), fields);
            assert_eq!(fields.seconds(), seconds);
            assert_eq!(Fields::weekday(seconds), weekday, "{seconds}");
        }
    }

    #[test]
    fn fields_beyond_their_limits_carry_over() {
        let odd = Fields {
            year: 2023,
            month: 14,
            day: 30,
            hour: 24,
            minute: 60,
            second: 61,
        };
        let even = Fields {
            year: 2024,
            month: 3,
            day: 2,
            hour: 1,
            minute: 1,
            second: 1,
        };
        assert_eq!(odd.seconds(), even.seconds());
    }
}
