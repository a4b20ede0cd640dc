from xqplatform.run.supervisor import main

raise SystemExit(main())
