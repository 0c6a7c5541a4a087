//! The chart: departments, their teams, and the titles people have there.

/// A department.
pub(crate) struct Department {
    /// As a group says it: `dept-engineering`.
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) teams: &'static [&'static str],
    pub(crate) titles: &'static [&'static str],
}

/// A team and where it belongs.
#[derive(Clone, Copy)]
pub(crate) struct Team {
    pub(crate) department: &'static Department,
    pub(crate) key: &'static str,
}

impl Team {
    /// The name of its group.
    pub(crate) fn group(self) -> String {
        format!("team-{}", self.key)
    }
}

/// All teams, department by department.
pub(crate) fn teams() -> Vec<Team> {
    let of = |department: &'static Department| department.teams.iter().map(move |key| Team { department, key });
    DEPARTMENTS.iter().flat_map(of).collect()
}

pub(crate) const DEPARTMENTS: &[Department] = &[
    Department {
        key: "engineering",
        name: "Engineering",
        code: "1100",
        teams: &["platform", "firmware", "network", "storage", "web", "quality"],
        titles: &["Engineer", "Senior Engineer", "Principal Engineer", "Test Engineer", "Engineering Intern"],
    },
    Department {
        key: "research",
        name: "Research",
        code: "1200",
        teams: &["optics", "materials"],
        titles: &["Scientist", "Senior Scientist", "Laboratory Technician"],
    },
    Department {
        key: "operations",
        name: "Operations",
        code: "2100",
        teams: &["datacentre", "support", "facilities", "security"],
        titles: &["Operator", "Shift Lead", "Support Specialist", "Site Technician"],
    },
    Department {
        key: "finance",
        name: "Finance",
        code: "3100",
        teams: &["accounting", "controlling", "payroll"],
        titles: &["Accountant", "Senior Accountant", "Controller", "Payroll Clerk"],
    },
    Department {
        key: "people",
        name: "People and Culture",
        code: "3200",
        teams: &["recruiting", "learning"],
        titles: &["Recruiter", "Trainer", "People Partner"],
    },
    Department {
        key: "legal",
        name: "Legal",
        code: "3300",
        teams: &["contracts", "compliance"],
        titles: &["Counsel", "Paralegal", "Compliance Officer"],
    },
    Department {
        key: "sales",
        name: "Sales",
        code: "4100",
        teams: &["sales-north", "sales-south", "key-accounts"],
        titles: &["Account Executive", "Sales Engineer", "Sales Assistant"],
    },
    Department {
        key: "marketing",
        name: "Marketing",
        code: "4200",
        teams: &["brand", "events"],
        titles: &["Copywriter", "Designer", "Event Planner"],
    },
];
