//! Common given names and family names of many countries, as people write them and as a login spells them.
//!
//! Any likeness is chance: given name and family name are drawn apart from each other, within a country.

/// A name as written, and in the letters of a login.
pub(crate) type Name = (&'static str, &'static str);

/// Names that go together.
pub(crate) struct Country {
    /// Where one would meet them; also the office of most who have them.
    pub(crate) city: &'static str,
    pub(crate) given: &'static [Name],
    pub(crate) family: &'static [Name],
    /// The family name stands first.
    pub(crate) family_first: bool,
}

// A name and its spelling on one line read better than a column of tuples.
#[rustfmt::skip]
pub(crate) const COUNTRIES: &[Country] = &[
    Country {
        city: "Leeds",
        given: &[
            ("Alice", "alice"), ("Ben", "ben"), ("Carol", "carol"), ("David", "david"), ("Emma", "emma"),
            ("Frank", "frank"), ("Grace", "grace"), ("Harry", "harry"), ("Isla", "isla"), ("Jack", "jack"),
            ("Kate", "kate"), ("Liam", "liam"),
        ],
        family: &[
            ("Baker", "baker"), ("Carter", "carter"), ("Cook", "cook"), ("Fisher", "fisher"), ("Hill", "hill"),
            ("Mason", "mason"), ("Miller", "miller"), ("O'Brien", "obrien"), ("Potter", "potter"), ("Reed", "reed"),
            ("Smith", "smith"), ("Taylor", "taylor"), ("Turner", "turner"), ("Walker", "walker"), ("Wood", "wood"),
        ],
        family_first: false,
    },
    Country {
        city: "Köln",
        given: &[
            ("Anna", "anna"), ("Björn", "bjoern"), ("Clara", "clara"), ("Dieter", "dieter"), ("Eva", "eva"),
            ("Günter", "guenter"), ("Jörg", "joerg"), ("Käthe", "kaethe"), ("Lukas", "lukas"), ("Ute", "ute"),
        ],
        family: &[
            ("Bäcker", "baecker"), ("Fischer", "fischer"), ("Groß", "gross"), ("Jäger", "jaeger"), ("König", "koenig"),
            ("Müller", "mueller"), ("Schäfer", "schaefer"), ("Schmidt", "schmidt"), ("Weber", "weber"), ("Wolf", "wolf"),
        ],
        family_first: false,
    },
    Country {
        city: "Lyon",
        given: &[
            ("Aurélie", "aurelie"), ("Benoît", "benoit"), ("Chloé", "chloe"), ("Éric", "eric"), ("François", "francois"),
            ("Hélène", "helene"), ("Inès", "ines"), ("Loïc", "loic"), ("Zoé", "zoe"),
        ],
        family: &[
            ("Bernard", "bernard"), ("Dubois", "dubois"), ("Dupré", "dupre"), ("Fabre", "fabre"), ("Lefèvre", "lefevre"),
            ("Martin", "martin"), ("Moreau", "moreau"), ("Noël", "noel"), ("Petit", "petit"),
        ],
        family_first: false,
    },
    Country {
        city: "Madrid",
        given: &[
            ("Álvaro", "alvaro"), ("Begoña", "begona"), ("Carmen", "carmen"), ("Íñigo", "inigo"), ("José", "jose"),
            ("Lucía", "lucia"), ("Martín", "martin"), ("Sofía", "sofia"),
        ],
        family: &[
            ("Díaz", "diaz"), ("García", "garcia"), ("Gómez", "gomez"), ("López", "lopez"), ("Muñoz", "munoz"),
            ("Núñez", "nunez"), ("Pérez", "perez"), ("Ruiz", "ruiz"),
        ],
        family_first: false,
    },
    Country {
        city: "Kraków",
        given: &[
            ("Agnieszka", "agnieszka"), ("Grażyna", "grazyna"), ("Jan", "jan"), ("Łukasz", "lukasz"),
            ("Małgorzata", "malgorzata"), ("Paweł", "pawel"), ("Zofia", "zofia"),
        ],
        family: &[
            ("Dąbrowski", "dabrowski"), ("Kowalczyk", "kowalczyk"), ("Mazur", "mazur"), ("Nowak", "nowak"),
            ("Wójcik", "wojcik"), ("Wróbel", "wrobel"), ("Zając", "zajac"),
        ],
        family_first: false,
    },
    Country {
        city: "Göteborg",
        given: &[
            ("Åsa", "asa"), ("Elin", "elin"), ("Göran", "goran"), ("Lars", "lars"), ("Maja", "maja"), ("Sören", "soren"),
        ],
        family: &[
            ("Berg", "berg"), ("Björk", "bjork"), ("Lindström", "lindstrom"), ("Nyström", "nystrom"),
            ("Sjögren", "sjogren"), ("Åberg", "aberg"),
        ],
        family_first: false,
    },
    Country {
        city: "İstanbul",
        given: &[("Ayşe", "ayse"), ("Çağla", "cagla"), ("Emre", "emre"), ("İpek", "ipek"), ("Oğuz", "oguz"), ("Şule", "sule")],
        family: &[("Aydın", "aydin"), ("Çelik", "celik"), ("Demir", "demir"), ("Öztürk", "ozturk"), ("Şahin", "sahin"), ("Yıldız", "yildiz")],
        family_first: false,
    },
    Country {
        city: "Αθήνα",
        given: &[("Ελένη", "eleni"), ("Γιώργος", "giorgos"), ("Μαρία", "maria"), ("Νίκος", "nikos")],
        family: &[("Αλεξίου", "alexiou"), ("Γεωργίου", "georgiou"), ("Νικολάου", "nikolaou"), ("Παππάς", "pappas")],
        family_first: false,
    },
    Country {
        city: "Київ",
        given: &[("Андрій", "andrii"), ("Ганна", "hanna"), ("Олена", "olena"), ("Тарас", "taras")],
        family: &[("Бойко", "boiko"), ("Коваль", "koval"), ("Мельник", "melnyk"), ("Шевчук", "shevchuk")],
        family_first: false,
    },
    Country {
        city: "Pune",
        given: &[
            ("Aarav", "aarav"), ("Diya", "diya"), ("Ishaan", "ishaan"), ("Kavya", "kavya"), ("Meera", "meera"),
            ("Rohan", "rohan"), ("Vihaan", "vihaan"),
        ],
        family: &[
            ("Desai", "desai"), ("Iyer", "iyer"), ("Joshi", "joshi"), ("Kulkarni", "kulkarni"), ("Nair", "nair"),
            ("Patel", "patel"), ("Rao", "rao"), ("Sharma", "sharma"),
        ],
        family_first: false,
    },
    Country {
        city: "Lagos",
        given: &[("Adébáyọ̀", "adebayo"), ("Chidi", "chidi"), ("Ngozi", "ngozi"), ("Ọlá", "ola"), ("Zainab", "zainab")],
        family: &[("Bello", "bello"), ("Eze", "eze"), ("Okafor", "okafor"), ("Okoro", "okoro"), ("Yusuf", "yusuf")],
        family_first: false,
    },
    Country {
        city: "القاهرة",
        given: &[("أحمد", "ahmed"), ("فاطمة", "fatima"), ("ليلى", "layla"), ("يوسف", "youssef")],
        family: &[("حسن", "hassan"), ("خليل", "khalil"), ("سالم", "salem"), ("منصور", "mansour")],
        family_first: false,
    },
    Country {
        city: "東京",
        given: &[("葵", "aoi"), ("健", "ken"), ("直子", "naoko"), ("翔", "sho"), ("陽子", "yoko")],
        family: &[("伊藤", "ito"), ("木村", "kimura"), ("佐藤", "sato"), ("鈴木", "suzuki"), ("田中", "tanaka")],
        family_first: true,
    },
    Country {
        city: "上海",
        given: &[("芳", "fang"), ("静", "jing"), ("磊", "lei"), ("娜", "na"), ("伟", "wei")],
        family: &[("陈", "chen"), ("李", "li"), ("王", "wang"), ("吴", "wu"), ("张", "zhang")],
        family_first: true,
    },
    Country {
        city: "서울",
        given: &[("지훈", "jihun"), ("민서", "minseo"), ("서연", "seoyeon"), ("수빈", "subin")],
        family: &[("최", "choi"), ("김", "kim"), ("이", "lee"), ("박", "park")],
        family_first: true,
    },
];
